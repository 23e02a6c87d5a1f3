"""Pieces of programs as tutorials have them, statement by statement, beside TensorFlow's own answers.

They have no statement whose answer differs by design: docs/how-to/tensorflow.md lists those.
"""

import sys
from pathlib import Path

import pytest

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow import transcripts
from torchkeras_shim import compat

tensorflow = imported("tensorflow")
FRAGMENTS = Path(__file__).with_name("fragments")
NAMES = sorted(path.stem for path in FRAGMENTS.glob("*.txt"))


@pytest.fixture
def tf():
    theirs = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in _REAL}
    compat.install()
    import tensorflow as ours

    yield ours
    compat.uninstall()
    sys.modules.update(theirs)


_REAL = ("tensorflow", "keras")


def answers(tf, name):
    return transcripts.run(tf, (FRAGMENTS / f"{name}.txt").read_text())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_fragments(name, request):
    theirs = kept(answers, tensorflow, name)
    ours = answers(request.getfixturevalue("tf"), name)
    statements = transcripts.statements((FRAGMENTS / f"{name}.txt").read_text())
    for found, expected, statement in zip(ours, theirs, statements, strict=True):
        transcripts.assert_same(found, expected, statement)
