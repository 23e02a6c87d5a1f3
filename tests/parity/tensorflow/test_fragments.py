"""Pieces of programs as tutorials have them, statement by statement, beside TensorFlow's own answers.

A statement that is marked `# differs` is not run: its difference is one of those that docs/how-to/tensorflow.md lists.
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
    for (statement, result, printed), (_, expected, text) in zip(
        answers(request.getfixturevalue("tf"), name), theirs, strict=True
    ):
        transcripts.assert_same(result, expected, statement)
        assert printed == text, statement
