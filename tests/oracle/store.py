"""The files of kept answers: one beside each file of tests, a line for each test; and one of facts for all."""

from __future__ import annotations

import json

from tests.oracle.tapes import state


def fold(entries):
    """The entries of a tape with each answer that is given again in place of which it is the same as."""
    first = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, list):
            place = first.setdefault(json.dumps(entry[2]), index)
            if place != index and len(json.dumps(entry[2])) > 30:
                entry = [*entry[:2], ["again", place], *entry[3:]]
        yield entry


def unfold(entries):
    """Undoes `fold`."""
    for entry in entries:
        if isinstance(entry, list) and isinstance(entry[2], list) and entry[2][0] == "again":
            entry[2] = entries[entry[2][1]][2]
    return entries


class Book:
    """The answers for one file of tests, in `golden/<name>.jsonl` beside it."""

    def __init__(self, test_file):
        self.path = test_file.parent / "golden" / f"{test_file.stem}.jsonl"
        self.lines = {}
        if self.path.exists():
            rows = [json.loads(row) for row in self.path.read_text().splitlines()]
            self.lines = {name: unfold(entries) for name, *entries in rows[1:]}

    def save(self, versions):
        self.path.parent.mkdir(exist_ok=True)
        rows = [versions, *([name, *fold(entries)] for name, entries in sorted(self.lines.items()))]
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        if self.lines:
            self.path.write_text(text)
        else:
            self.path.unlink(missing_ok=True)


class Facts:
    """What Keras's modules, classes and functions are called and take: the same for all tests."""

    def __init__(self, path, missing):
        self._path, self._missing = path, missing
        self._kept = json.loads(path.read_text()) if path.exists() else {}
        self._seen = {}

    def get(self, name, look):
        if state.recording:
            if name not in self._seen:
                self._seen[name] = look()
            return self._seen[name]
        if name not in self._kept:
            self._missing(name)
        return self._kept[name]

    def differences(self):
        return [name for name, found in self._seen.items() if self._kept.get(name) != json.loads(json.dumps(found))]

    def save(self):
        """Writes what was looked at, beside what is kept by now."""
        facts = {**(json.loads(self._path.read_text()) if self._path.exists() else {}), **self._seen}
        rows = (f"{json.dumps(name)}: {json.dumps(facts[name])}" for name in sorted(facts))
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text("{\n" + ",\n".join(rows) + "\n}\n")
