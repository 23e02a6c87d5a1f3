"""Gives pytest the options `--against-keras` and `--renew`, and each test its tape."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

import pytest

from tests.oracle import stand_in
from tests.oracle.store import Book, Facts
from tests.oracle.tapes import Playing, Recording, renewal, state

FACTS = Path(__file__).parents[1] / "parity" / "golden" / "facts.json"


def judge(path):
    """The backend of the Keras that a file of tests compares with: JAX, which is the smaller, wherever it serves."""
    return "tensorflow" if "tensorflow" in path.parts else "jax"


def add_options(parser):
    group = parser.getgroup("oracle", "comparisons with real Keras")
    group.addoption(
        "--against-keras",
        action="store_true",
        help="ask real Keras (needs the extra 'oracle') and compare its answers with those that are kept",
    )
    group.addoption("--renew", action="store_true", help="with --against-keras: keep the answers")


class Oracle:
    """Changes the tape with each test and each shared fixture, and keeps what was recorded."""

    def __init__(self, config):
        self._renew, self._ask = config.option.renew, config.option.against_keras
        if self._renew and not self._ask:
            raise pytest.UsageError("--renew keeps what real Keras answers: it needs --against-keras, too.")
        if self._renew and hasattr(config, "workerinput"):
            raise pytest.UsageError("--renew writes files: run it in one process (-n 0).")
        self._backend = os.environ.get("KERAS_BACKEND", "jax")
        self._whole_files = not any("::" in arg for arg in config.args) and not config.option.keyword
        self._books, self._renewed, self._stack = {}, {}, []
        state.recording = self._ask
        state.facts = Facts(FACTS, stand_in.missing)

    def _book(self, path):
        if path not in self._books:
            self._books[path] = Book(path)
        return self._books[path]

    def _comparable(self, path):
        """Whether what is kept for a file of tests is what Keras says on the backend that is asked now."""
        return self._backend == judge(path)

    def _tape(self, path, key, name, folder):
        tape = (
            Recording(key, stand_in, folder)
            if self._ask
            else Playing(key, stand_in, folder, self._book(path).lines.get(name))
        )
        tape.place, tape.passed = (path, name), False
        return tape

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item):
        def folder():
            path = item.funcargs.get("tmp_path") if hasattr(item, "funcargs") else None
            return str(path) if path is not None else None

        if self._ask and judge(item.path) == "tensorflow" != self._backend:
            pytest.skip("what is kept is TensorFlow's: ask again with KERAS_BACKEND=tensorflow")
        name = item.nodeid.partition("::")[2]
        item.tape = state.tape = self._tape(item.path, item.nodeid, name, folder)
        self._forget_state()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            return (yield)
        outer = state.tape
        name = f"fixture {fixturedef.argname} {getattr(request, 'param_index', 0)}"
        path = request.path if fixturedef.scope == "module" else Path(__file__).parents[1] / "shared.py"
        tape = state.tape = self._tape(path, f"{request.node.nodeid}::{name}", name, lambda: None)
        try:
            return (yield)
        finally:
            state.tape = outer
            if fixturedef.scope == "module" or not self._ask or tape.entries:  # pytest's own ask for nothing
                self._finish(tape)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        try:
            result = yield
            if item.tape.passed and not item.get_closest_marker("nightly"):  # nothing of these is kept
                self._finish(item.tape)
            return result
        finally:
            state.tape = None

    def _forget_state(self):
        """Real Keras starts each test with the same automatic names and the same random state."""
        if self._ask and "keras" in stand_in._real:
            stand_in.reset()

    def _finish(self, tape):
        path, name = tape.place
        if not self._ask:
            if tape.entries and tape.position < len(tape.entries):
                pytest.fail(
                    f"Of {len(tape.entries)} kept answers of Keras this asked for {tape.position}. If the case has "
                    f"changed:\n    {renewal(tape.key)}",
                    pytrace=False,
                )
        elif self._renew:
            if not self._comparable(path):
                pytest.fail(f"What is kept here is what Keras says with KERAS_BACKEND={judge(path)}.", pytrace=False)
            self._renewed.setdefault(path, {})[name] = json.loads(json.dumps(tape.entries))
        elif self._comparable(path):
            kept = self._book(path).lines.get(name, [])
            difference = tape.differences(kept)
            if difference:
                pytest.fail(
                    f"What is kept is not what Keras says: {difference}\nIf Keras is right, keep its answers:\n"
                    f"    {renewal(tape.key)}",
                    pytrace=False,
                )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        tape = getattr(item, "tape", None)
        if tape is not None and call.when == "call":
            tape.passed = report.passed
        if report.failed and not self._ask and tape is not None and tape.position:
            report.sections.append(
                ("Kept answers", f"Compared with what Keras once said. If the case has changed:\n{renewal(tape.key)}")
            )
        return report

    def pytest_sessionfinish(self, session, exitstatus):
        if not self._renew:
            return
        versions = {name: importlib.metadata.version(name) for name in ("keras", self._backend, "numpy")}
        for path, lines in self._renewed.items():
            book = self._book(path)
            kept = {} if self._whole_files and not session.testsfailed else book.lines
            book.lines = {name: entries for name, entries in {**kept, **lines}.items() if entries}
            book.save(versions)
        state.facts.save()
