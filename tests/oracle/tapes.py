"""What one test asked of Keras and was answered, in order: recorded from the real one, or played back."""

from __future__ import annotations

import builtins
import contextlib
import copy
import functools
import json
import os
import re
import warnings
from pathlib import Path

import pytest

from tests.oracle import values
from tests.oracle.values import FOLDER, Question

#: Where an object lay in memory, as the text of an error may say; another one in each process.
ADDRESS = re.compile(r"\b0x[0-9a-f]+\b")


class State:
    """Whether Keras is asked or its kept answers are, and by which test."""

    recording = False
    #: How many calls into real Keras are open: what happens within them is Keras's own affair and on no tape.
    inside = 0
    tape = None
    #: Fills a new tape's place while a file of tests is imported, when there is no test yet.
    facts = None


state = State()


@contextlib.contextmanager
def inside():
    """Stand-ins are the real objects within."""
    state.inside += 1
    try:
        yield
    finally:
        state.inside -= 1


def stale(key, reason):
    """Ends the test: what is kept is not the answer to what it asks."""
    pytest.fail(f"{reason}\nAsk real Keras again:\n    {renewal(key)}", pytrace=False)


def renewal(key):
    return f'python -m pytest "{key}" --against-keras --renew'


@functools.cache
def _type_of_error(name, base):
    return getattr(builtins, name, None) or type(name, (getattr(builtins, base),), {})


def error_as_data(error):
    """The type of an error, the built-in one that it descends from, and what it says."""
    kind = type(error)
    base = next(cls.__name__ for cls in kind.__mro__ if cls.__module__ == "builtins")
    given = list(error.args) if all(isinstance(one, (str, int)) for one in error.args) else [str(error)]
    given = [ADDRESS.sub("0x", text) if isinstance(text, str) else text for text in given]
    return ["raise", kind.__name__, base, given]


class Tape:
    """The part that recording and playing have in common: numbers for objects, and the check of each question."""

    def __init__(self, key, stand_ins, folder):
        self.key = key
        self._stand_ins, self._folder = stand_ins, folder
        self.objects = []  # what Keras made, as stand-ins, in order
        self.given = []  # what the test made and Keras has seen, in order
        self.position = 0
        self._question = None

    def _ask(self, receiver, op, args, kwargs):
        if self._question is None:
            self._question = Question(self._label_of, self._folder)
        question = self._question
        question.add(receiver if isinstance(receiver, str) else self._label_of(receiver))
        question.add(op)
        question.add(args)
        question.add(kwargs)
        return question

    def _label_of(self, value):
        """The name of a stand-in; anything else is remembered, for Keras may hand it back."""
        label = self._stand_ins.label(value)
        if label is None and not any(value is one for one in self.given):
            self.given.append(value)
        return label

    def _read(self, answer):
        return values.read(self._here(answer), self._read_other)

    def _read_other(self, data):
        kind, *rest = data
        if kind == "object":
            return self._object(*rest)
        if kind == "known":
            return self.objects[rest[0]]
        return self.given[rest[0]] if kind == "given" else self._stand_ins.static(*rest)

    def _here(self, data):
        """An answer with the folder of this run's test in it."""
        folder = self._folder()
        return json.loads(json.dumps(data).replace(FOLDER, folder)) if folder else data

    def _apply(self, effects, args, kwargs):
        """Does what Keras did beside answering: changes to what it was given, files."""
        for kind, where, what in effects:
            if kind == "warning":
                warnings.warn(what, getattr(builtins, where), stacklevel=5)
            elif kind == "file":
                path = Path(self._folder(), where)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True) if what is None else path.write_bytes(values.unpack(what))
            else:
                given, new = [*args, *kwargs.values()][where], self._read(what)
                given.clear()
                given.update(new) if isinstance(given, dict) else given.extend(new)

    def answer(self, entry, args, kwargs):
        """What the test gets for an entry of the tape."""
        if isinstance(entry, int):
            return self.objects[entry]
        if isinstance(entry, str):
            return self._object(entry)
        _, _, answer, *effects = entry
        if isinstance(answer, list) and answer[:1] == ["raise"]:
            self._apply(effects, args, kwargs)
            _, name, base, given = self._here(answer)
            raise _type_of_error(name, base)(*given)
        value = self._read(answer)
        self._apply(effects, args, kwargs)
        return value


class Recording(Tape):
    """Asks real Keras and writes down the answers."""

    def __init__(self, *args):
        super().__init__(*args)
        self.entries = []
        self._numbers = {}
        self._pending = []  # objects that have been written, and not yet been given a stand-in

    def step(self, receiver, op, act, args, kwargs):
        question = self._ask(receiver, op, args, kwargs)
        raw_args, raw_kwargs = self._stand_ins.real(args), self._stand_ins.real(kwargs)
        watched = [*raw_args, *raw_kwargs.values()]
        before = [type(one)(one) if type(one) in (list, dict) else None for one in watched]
        files = self._files()
        cause = None
        try:
            # The filters stay as they are: what is caught is what the test would have seen.
            with inside(), warnings.catch_warnings(record=True) as shown:
                answer = self._write(act(self._stand_ins.real(receiver), *raw_args, **raw_kwargs))
        except Exception as error:
            answer, cause = error_as_data(error), error
        effects = [*self._changes(before, watched), *self._written(files)]
        effects += [["warning", one.category.__name__, str(one.message)] for one in shown]
        if not effects and isinstance(answer, list) and answer[0] in ("known", "object"):
            entry = answer[1]
        else:
            entry = [question.digest(), [one for one, _ in question.weights], *self._elsewhere([answer, *effects])]
            self._question = None
        self.entries.append(entry)
        if cause is not None:
            try:
                return self.answer(entry, args, kwargs)
            except Exception as error:
                raise error from cause
        return self.answer(entry, args, kwargs)

    def _write(self, value):
        return values.write(value, self._write_other)

    def _write_other(self, value):
        for index, one in enumerate(self.given):
            if one is value:
                return ["given", index]
        static = self._stand_ins.as_static(value)
        if static is not None:
            return ["static", *static]
        if id(value) in self._numbers:
            return ["known", self._numbers[id(value)]]
        self._numbers[id(value)] = len(self._numbers)
        self._pending.append(value)
        return ["object", self._stand_ins.path_of_type(type(value))]

    def _object(self, path):
        made = self._stand_ins.make(path, f"{self.key}#{len(self.objects)}", self._pending.pop(0))
        self.objects.append(made)
        return made

    def _elsewhere(self, data):
        folder = self._folder()
        return json.loads(json.dumps(data).replace(folder, FOLDER)) if folder else data

    def _changes(self, before, after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is None:
                continue
            parts = [list(one.values()) if isinstance(one, dict) else one for one in (old, new)]
            if len(parts[0]) != len(parts[1]) or any(a is not b for a, b in zip(*parts, strict=True)):
                yield ["changed", index, self._write(new)]

    def _files(self):
        folder = self._folder()
        if not folder:
            return {}
        paths = (os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
        return {path: (os.stat(path).st_mtime_ns, os.stat(path).st_size) for path in paths}

    def _written(self, before):
        after = self._files()
        for path in sorted({*before, *after}):
            if before.get(path) != after.get(path):
                content = values.pack(Path(path).read_bytes()) if path in after else None
                yield ["file", os.path.relpath(path, self._folder()), content]

    def differences(self, kept):
        """Where this tape says something else than the one that is kept: the first such place, or nothing."""
        if len(kept) != len(self.entries):
            return f"{len(kept)} answers are kept, Keras gave {len(self.entries)}"
        for index, (old, new) in enumerate(zip(kept, self.entries, strict=True)):
            if isinstance(old, list) and isinstance(new, list):
                asked = old[0] == new[0] and values.agree(old[1], [(one, abs(one)) for one in new[1]])
                if not asked or len(old) != len(new) or not values.same(old[2], new[2]):
                    return f"answer {index}: kept is {str(old)[:300]}, Keras says {str(new)[:300]}"
            elif old != new:
                return f"answer {index}: kept is {str(old)[:300]}, Keras says {str(new)[:300]}"
        return None


class Playing(Tape):
    """Answers as real Keras did, as long as the questions are those."""

    def __init__(self, key, stand_ins, folder, entries):
        super().__init__(key, stand_ins, folder)
        self.entries = entries

    def step(self, receiver, op, act, args, kwargs):
        if op == "repr" and not self._follows(receiver):
            return f"<{receiver._oracle_label} of Keras>"  # pytest shows the values of a test that has failed
        if self.entries is None:
            stale(self.key, "Of this test no answer of Keras is kept.")
        question = self._ask(receiver, op, args, kwargs)
        if self.position == len(self.entries):
            stale(self.key, "This test asks more of Keras than it did when the answers were kept.")
        entry = self.entries[self.position]
        self.position += 1
        if isinstance(entry, list):
            if entry[0] != question.digest() or not values.agree(entry[1], question.weights):
                stale(self.key, f"Up to answer {self.position} ({op}) this test asks Keras something else than it did.")
            self._question = None
        return self.answer(entry, args, kwargs)

    def _follows(self, receiver):
        """Whether the next answer is that to a question for the text of an object."""
        question = copy.copy(self._question) or Question(self._label_of, self._folder)
        self._question, kept = question, self._question
        digest = self._ask(receiver, "repr", (), {}).digest()
        self._question = kept
        entry = (self.entries or [])[self.position : self.position + 1]
        return bool(entry) and isinstance(entry[0], list) and entry[0][0] == digest

    def _object(self, path):
        made = self._stand_ins.make(path, f"{self.key}#{len(self.objects)}", None)
        self.objects.append(made)
        return made
