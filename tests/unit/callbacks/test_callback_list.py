"""Order and cost of the calls that a list of callbacks makes."""

from __future__ import annotations

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import callbacks
from torchkeras_shim.callbacks.callback import HOOKS


class Model:
    stop_training = False


class LazyLogs(dict):
    """Batch logs as the training loop hands them over: reading them costs a look at the device."""

    reads = 0

    def items(self):
        self.reads += 1
        return {"loss": 0.5}.items()

    def __len__(self):
        self.reads += 1
        return 1

    def get(self, key, default=None):
        self.reads += 1
        return 0.5


class Recorder(callbacks.Callback):
    """Records every call it gets."""

    def __init__(self, name, calls):
        super().__init__()
        for hook in HOOKS:
            setattr(self, hook, lambda *args, hook=hook, **kwargs: calls.append((name, hook, *args, *kwargs)))


def test_every_hook_reaches_every_callback_in_order():
    calls = []
    run = callbacks.CallbackList([Recorder("a", calls), [Recorder("b", calls)]], model=Model(), epochs=1)
    run.on_train_begin()
    run.on_epoch_begin(0)
    run.on_train_batch_begin(3)
    run.on_train_batch_end(3, {"loss": 1})
    run.on_test_begin()
    run.on_test_batch_begin(0)
    run.on_test_batch_end(0, {"loss": 2})
    run.on_test_end({"loss": 2})
    run.on_epoch_end(0, {"loss": 1})
    run.on_train_end({"loss": 1})
    run.on_predict_begin()
    run.on_predict_batch_begin(0)
    run.on_predict_batch_end(0, {"outputs": 1})
    run.on_predict_end()
    assert [call[0] for call in calls] == ["a", "b"] * 14
    assert [call[1:] for call in calls if call[0] == "a"] == [
        ("on_train_begin", {}),
        ("on_epoch_begin", 0, {}),
        ("on_train_batch_begin", 3, "logs"),
        ("on_train_batch_end", 3, "logs"),
        ("on_test_begin", {}),
        ("on_test_batch_begin", 0, "logs"),
        ("on_test_batch_end", 0, "logs"),
        ("on_test_end", {"loss": 2.0}),
        ("on_epoch_end", 0, {"loss": 1.0}),
        ("on_train_end", {"loss": 1.0}),
        ("on_predict_begin", {}),
        ("on_predict_batch_begin", 0, "logs"),
        ("on_predict_batch_end", 0, "logs"),
        ("on_predict_end", {}),
    ]


def test_nobody_wants_what_nobody_overrides():
    run = callbacks.CallbackList([callbacks.EarlyStopping(), callbacks.Callback()], add_history=True, epochs=1)
    wants = {name: value for name, value in vars(run).items() if name.startswith("wants_")}
    assert len(wants) == 6
    assert not any(wants.values())


@pytest.mark.parametrize("stage", ["train", "test", "predict"])
@pytest.mark.parametrize("moment", ["begin", "end"])
def test_an_overridden_hook_is_wanted(stage, moment):
    hook = f"on_{stage}_batch_{moment}"
    seen = []
    run = callbacks.CallbackList([callbacks.LambdaCallback(**{hook: lambda batch, logs: seen.append(batch)})])
    wanted = [name for name, value in vars(run).items() if name.startswith("wants_") and value]
    assert wanted == [f"wants_{stage}_batch_{moment}"]
    getattr(run, hook)(7, {})
    assert seen == [7]


def test_the_older_names_of_the_batch_hooks_are_called():
    class Old(callbacks.Callback):
        def __init__(self):
            self.seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("end", batch, logs["loss"]))

    old = Old()
    run = callbacks.CallbackList(old)
    assert run.wants_train_batch_begin
    assert run.wants_train_batch_end
    assert not run.wants_test_batch_end
    run.on_train_batch_begin(1)
    run.on_train_batch_end(1, {"loss": torch.tensor(0.5)})
    assert old.seen == [("begin", 1), ("end", 1, 0.5)]


def test_append_informs_the_callback_and_finds_its_hooks():
    model = Model()
    run = callbacks.CallbackList([], model=model, epochs=3)
    assert not run.wants_train_batch_end
    added = callbacks.LambdaCallback(on_train_batch_end=print)
    run.append(added)
    assert run.wants_train_batch_end
    assert added.model is model
    assert added.params == {"epochs": 3}


def test_lazy_logs_are_not_touched_unless_a_callback_looks():
    logs = LazyLogs()
    seen = []
    run = callbacks.CallbackList(
        [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))], model=Model(), epochs=1
    )
    run.on_train_begin()
    run.on_epoch_begin(0)
    run.on_train_batch_end(0, logs)
    assert seen == [0]
    assert logs.reads == 0


def test_a_checkpoint_per_epoch_and_a_scheduler_per_epoch_want_no_batches():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    run = callbacks.CallbackList([callbacks.ModelCheckpoint("x.keras"), callbacks.TorchLRScheduler(scheduler)])
    assert not run.wants_train_batch_end
    assert callbacks.CallbackList(callbacks.ModelCheckpoint("x.keras", save_freq=5)).wants_train_batch_end
    assert callbacks.CallbackList(callbacks.TorchLRScheduler(scheduler, "batch")).wants_train_batch_end


def test_default_callbacks_are_added_once():
    history, bar = callbacks.History(), callbacks.ProgbarLogger()
    run = callbacks.CallbackList([history, bar], add_history=True, add_progbar=True, model=Model(), verbose=1)
    assert run.callbacks == [history, bar]
    assert run.model.history is history
    run = callbacks.CallbackList([], add_history=True, add_progbar=True, verbose=1)
    assert [type(callback) for callback in run.callbacks] == [callbacks.History, callbacks.ProgbarLogger]


def test_something_with_kerass_methods_gets_every_call():
    class Foreign:
        def __init__(self):
            self.calls = []

        def set_model(self, model):
            self.calls.append("set_model")

        def __getattr__(self, name):
            return lambda *args, **kwargs: self.calls.append(name)

    foreign = Foreign()
    run = callbacks.CallbackList([foreign], model=Model(), epochs=1)
    assert run.wants_train_batch_end
    run.on_train_batch_end(0, {})
    assert foreign.calls == ["set_model", "set_params", "on_train_batch_end"]


def test_the_model_behind_a_data_parallel_wrapper_is_meant(monkeypatch):
    import torchkeras_shim.callbacks.callback as module

    class Wrapper:
        module = Model()

    monkeypatch.setattr(module, "DistributedDataParallel", Wrapper)
    callback = callbacks.Callback()
    callback.model = Wrapper()
    assert callback.model is Wrapper.module


OPTIMIZER = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
WRONG = {
    "class": (callbacks.EarlyStopping, r"Write `EarlyStopping\(\.\.\.\)`"),
    "function": (lambda epoch, logs: None, "LambdaCallback"),
    "scheduler": (torch.optim.lr_scheduler.StepLR(OPTIMIZER, 1), r"TorchLRScheduler\(scheduler\)"),
    "number": (3, "Received: 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_callback_is_refused(name):
    wrong, message = WRONG[name]
    with pytest.raises(TypeError, match=message):
        callbacks.CallbackList([wrong])
    with pytest.raises(TypeError, match=message):
        callbacks.CallbackList().append(wrong)


def test_a_misspelt_hook_is_refused():
    with pytest.raises(TypeError, match="Did you mean 'on_epoch_end'"):
        callbacks.LambdaCallback(on_epoch_ends=print)


@pytest.mark.parametrize("when", ["__init__", "on_train_begin", "on_epoch_begin"])
@pytest.mark.parametrize("hook", ["on_batch_end", "on_train_batch_end", "on_train_batch_begin"])
def test_hooks_assigned_while_fit_runs_are_called(when, hook):
    class Assigns(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.batches = []
            self.assign("__init__")

        def assign(self, now):
            if now == when:
                setattr(self, hook, lambda batch, logs=None: self.batches.append(batch))

        def on_train_begin(self, logs=None):
            self.assign("on_train_begin")

        def on_epoch_begin(self, epoch, logs=None):
            self.assign("on_epoch_begin")

    callback = Assigns()
    fit(callback)
    assert callback.batches == [0, 1, 0, 1]


def test_a_callback_added_in_on_train_begin_takes_part():
    class Late(callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

    class Adds(callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.everybody.append(late)

    late, adds = Late(), Adds()
    model = compiled()
    adds.everybody = callbacks.CallbackList([adds], model=model)
    model.fit(torch.ones(8, 1), torch.ones(8, 1), batch_size=4, epochs=2, verbose=0, callbacks=adds.everybody)
    assert late.batches == 4


def compiled():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fit(callback):
    compiled().fit(torch.ones(8, 1), torch.ones(8, 1), batch_size=4, epochs=2, verbose=0, callbacks=[callback])
