"""When the progress bar draws, what it reads for that, and what it looks like where nothing can be redrawn."""

from __future__ import annotations

import io
import os
import sys
import types

import pytest
import torch

from torchkeras_shim import callbacks
from torchkeras_shim.callbacks import progress
from torchkeras_shim.core import console

BAR = "━" * 20


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    __module__ = "ipykernel.iostream"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class CountingLogs(dict):
    reads = 0

    def items(self):
        type(self).reads += 1
        return super().items()

    def __len__(self):
        type(self).reads += 1
        return super().__len__()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "_clock", clock)
    CountingLogs.reads = 0
    return clock


def fit(clock, steps=100, batches=100, seconds=0.01, verbose=1, epochs=1, wanted=None):
    run = callbacks.CallbackList(None, add_progbar=True, epochs=epochs, steps=steps, verbose=verbose)
    run.on_train_begin()
    for epoch in range(epochs):
        run.on_epoch_begin(epoch)
        for batch in range(batches):
            clock.now += seconds
            if run.wants_train_batch_end:
                run.on_train_batch_end(batch, CountingLogs(loss=1.0 / (batch + 1)))
        run.on_epoch_end(epoch, {"loss": 0.25, "val_loss": 0.5})
    run.on_train_end({})
    if wanted is not None:
        assert run.wants_train_batch_end is wanted


def test_logs_are_read_only_when_it_draws(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    fit(clock)
    drawn = sys.stdout.getvalue().count("\r") - 1  # the last line shows the epoch's own results
    assert 15 <= drawn <= 21  # one second, at most 20 times
    assert CountingLogs.reads <= drawn + 1


def test_a_file_gets_one_plain_line_per_epoch(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    fit(clock, epochs=2)
    line = f"100/100 {BAR} 1s 10ms/step - loss: 0.2500 - val_loss: 0.5000\n"
    assert sys.stdout.getvalue() == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"
    assert CountingLogs.reads == 0


def test_a_file_gets_the_count_of_an_unknown_number_of_steps(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    fit(clock, steps=None, batches=30)
    assert sys.stdout.getvalue() == f"30/30 {BAR} 0s 10ms/step - loss: 0.2500 - val_loss: 0.5000\n"


def test_verbose_2_wants_no_batches_unless_it_must_count_them(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    fit(clock, verbose=2, wanted=False)
    fit(clock, verbose=2, steps=None, batches=30, wanted=True)
    assert sys.stdout.getvalue() == (
        "100/100 - 1s - 10ms/step - loss: 0.2500 - val_loss: 0.5000\n"
        "30/30 - 0s - 10ms/step - loss: 0.2500 - val_loss: 0.5000\n"
    )
    assert CountingLogs.reads == 0


def test_verbose_0_prints_nothing_and_wants_nothing(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    fit(clock, verbose=0, epochs=2, wanted=False)
    assert sys.stdout.getvalue() == ""


def test_validation_inside_fit_wants_no_batches():
    run = callbacks.CallbackList(None, add_progbar=True, epochs=1, steps=1, verbose=1)
    assert run.wants_test_batch_end
    run.on_train_begin()
    assert not run.wants_test_batch_end


def test_a_notebook_is_redrawn(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Notebook())
    fit(clock, batches=1000, steps=1000)
    assert 40 < sys.stdout.getvalue().count("\r") < 60
    assert sys.stdout.getvalue().count("\n") == 1


def test_an_hour_in_a_notebook_is_no_thousand_drawings(clock, monkeypatch):
    """What executes a notebook may keep every one in its file."""
    monkeypatch.setattr(sys, "stdout", Notebook())
    fit(clock, batches=7200, steps=7200, seconds=0.5)
    assert 500 < sys.stdout.getvalue().count("\r") < 1000


def test_a_line_longer_than_the_terminal_is_cut_until_the_end(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "60")
    bar = callbacks.progress.Progbar(3, stateful_metrics=["a_very_long_metric_name"])
    for step in (1, 2, 3):
        clock.now += 1
        bar.update(step, [("a_very_long_metric_name", 0.5)])
    lines = sys.stdout.getvalue().split("\r")[1:]
    codes = ("\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[37m")
    for code in codes:
        lines = [line.replace(code, "") for line in lines]
    assert [len(line) for line in lines[:2]] == [59, 59]
    assert lines[2].rstrip().endswith("a_very_long_metric_name: 0.5000")


def test_a_shorter_line_covers_a_longer_one(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(progress, "_room", lambda used: None)
    bar = progress.Progbar(2)
    clock.now += 100
    bar.update(1, [("loss", 1e-9)])
    clock.now += 1
    bar.update(2, [("loss", 0.5)], finalize=True)
    first, second = sys.stdout.getvalue().split("\r")[1:]
    assert len(second.rstrip("\n")) >= len(first) - 9  # one styled part fewer: the bar has no empty half


def test_tensors_are_averaged_where_they_are_and_read_when_drawn(capsys):
    bar = progress.Progbar(2, verbose=2)
    bar.update(1, [("loss", torch.tensor(1.0))])
    bar.add(1, [("loss", torch.tensor([1.0, 3.0]))])
    assert capsys.readouterr().out.endswith(" - loss: 2.0000\n")


def test_messages_can_go_to_a_logger(clock, logged, capsys):
    console.disable_interactive_logging()
    try:
        fit(clock, epochs=2)
    finally:
        console.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert [message.split(" ")[0] for message in logged] == ["Epoch", "100/100", "Epoch", "100/100"]


def test_a_console_that_cannot_show_the_bar_gets_a_plainer_one(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    progress.Progbar(1).update(1)
    assert b"1/1 ==================== 0s" in raw.getvalue()


def test_both_kinds_of_metrics_are_refused():
    with pytest.raises(ValueError, match="Only one of"):
        progress.Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_is_recognised(monkeypatch):
    main, side = os.openpty()
    with os.fdopen(side, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert progress._can_redraw()
    os.close(main)
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace())
    assert not progress._can_redraw()
