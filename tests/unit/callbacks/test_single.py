"""What the single callbacks do beyond Keras's or without a Keras counterpart."""

from __future__ import annotations

import pytest
import torch

from torchkeras_shim import callbacks


class Optimizer:
    name = "optimizer"

    def __init__(self, wrapped):
        self.optimizer = wrapped

    @property
    def learning_rate(self):
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        self.optimizer.param_groups[0]["lr"] = value


class Model:
    stop_training = False

    def __init__(self, optimizer):
        self.optimizer = optimizer


@pytest.fixture
def wrapped():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def run_epochs(callback, wrapped, losses, batches=2):
    recorder = []
    run = callbacks.CallbackList(
        [callback, callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: recorder.append(logs["learning_rate"]))],
        model=Model(Optimizer(wrapped)),
        epochs=len(losses),
    )
    run.on_train_begin()
    for epoch, loss in enumerate(losses):
        run.on_epoch_begin(epoch)
        for batch in range(batches):
            wrapped.step()
            if run.wants_train_batch_end:
                run.on_train_batch_end(batch, {"loss": loss})
        run.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})
    run.on_train_end({})
    return recorder


def test_a_torch_scheduler_steps_per_epoch(wrapped):
    scheduler = torch.optim.lr_scheduler.ExponentialLR(wrapped, gamma=0.5)
    assert run_epochs(callbacks.TorchLRScheduler(scheduler), wrapped, [1.0] * 3) == [1.0, 0.5, 0.25]
    assert wrapped.param_groups[0]["lr"] == 0.125


def test_a_torch_scheduler_steps_per_batch(wrapped):
    scheduler = torch.optim.lr_scheduler.ExponentialLR(wrapped, gamma=0.5)
    assert run_epochs(callbacks.TorchLRScheduler(scheduler, "batch"), wrapped, [1.0] * 2) == [0.25, 0.0625]


def test_a_torch_plateau_scheduler_gets_the_monitored_value(wrapped):
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(wrapped, factor=0.1, patience=0)
    assert run_epochs(callbacks.TorchLRScheduler(scheduler), wrapped, [1.0, 0.5, 0.6, 0.1]) == [1.0, 1.0, 1.0, 0.1]
    assert scheduler.best == 0.1


def test_a_torch_plateau_scheduler_without_its_value_warns(wrapped):
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(wrapped)
    with pytest.warns(UserWarning, match="`val_accuracy` which is not available. Available metrics are: loss"):
        run_epochs(callbacks.TorchLRScheduler(scheduler, monitor="val_accuracy"), wrapped, [1.0])


def test_a_torch_scheduler_of_another_optimizer_is_refused(wrapped):
    other = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    callback = callbacks.TorchLRScheduler(torch.optim.lr_scheduler.StepLR(other, 1))
    with pytest.raises(ValueError, match="belongs to an optimizer that the model is not trained with"):
        run_epochs(callback, wrapped, [1.0])


def test_wrong_arguments_of_a_torch_scheduler(wrapped):
    scheduler = torch.optim.lr_scheduler.StepLR(wrapped, 1)
    with pytest.raises(TypeError, match=r"Received: .*SGD"):
        callbacks.TorchLRScheduler(wrapped)
    with pytest.raises(ValueError, match="'epoch' or 'batch'"):
        callbacks.TorchLRScheduler(scheduler, interval="step")
    with pytest.raises(ValueError, match="StepLR does not look at results"):
        callbacks.TorchLRScheduler(scheduler, monitor="loss")


def test_a_group_of_optimizers_is_scheduled_one_by_one(wrapped, capsys):
    class Group:
        def __init__(self, *optimizers):
            self.optimizers = optimizers

    other = Optimizer(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5))
    other.name = "other"
    model = Model(Group(Optimizer(wrapped), other))
    run = callbacks.CallbackList(
        [callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)], model=model, epochs=1
    )
    run.on_train_begin()
    run.on_epoch_begin(0)
    logs = {"loss": 1.0}
    run.callbacks[0].on_epoch_end(0, logs)
    assert logs == {"loss": 1.0, "learning_rate_optimizer": 0.5, "learning_rate_other": 0.25}
    assert "LearningRateScheduler setting other learning rate to 0.25." in capsys.readouterr().out


def test_an_error_inside_a_schedule_is_not_hidden(wrapped):
    def schedule(epoch, rate):
        raise TypeError("my own mistake")

    callback = callbacks.LearningRateScheduler(schedule)
    callback.set_model(Model(Optimizer(wrapped)))
    with pytest.raises(TypeError, match="my own mistake"):
        callback.on_epoch_begin(0)


@pytest.mark.parametrize("nested", [False, True])
def test_the_direction_of_a_metric_is_found(nested):
    class Metric:
        name = "score"
        _direction = "up"

    class Group:
        name = "compile_metrics"
        metrics = [Metric()]

    model = Model(None)
    model.metrics = [Group() if nested else Metric()]
    callback = callbacks.EarlyStopping("val_score", patience=1)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, score in enumerate([0.1, 0.2, 0.3]):
        callback.on_epoch_end(epoch, {"val_score": score})
    assert not model.stop_training
    callback.on_epoch_end(3, {"val_score": 0.3})
    assert model.stop_training


def test_a_metric_of_unknown_direction_needs_a_mode():
    class Metric:
        name = "score"
        _direction = None

    model = Model(None)
    model.metrics = [Metric()]
    callback = callbacks.EarlyStopping("val_score")
    callback.set_model(model)
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        callback.on_epoch_end(0, {"val_score": 1.0})


def test_a_checkpoint_makes_its_folder_and_refuses_one_in_its_place(tmp_path):
    class Saver(Model):
        def save_weights(self, path, overwrite):
            with open(path, "w") as file:
                file.write("weights")

    path = tmp_path / "new" / "folder" / "{epoch}.weights.h5"
    callback = callbacks.ModelCheckpoint(path, save_weights_only=True)
    callback.set_model(Saver(None))
    callback.on_epoch_end(0, {})
    assert (tmp_path / "new" / "folder" / "1.weights.h5").read_text() == "weights"
    (tmp_path / "new" / "folder" / "2.weights.h5").mkdir()
    with pytest.raises(OSError, match="existing directory"):
        callback.on_epoch_end(1, {})


def test_a_checkpoint_names_the_fields_it_could_fill():
    callback = callbacks.ModelCheckpoint("{auc}.weights.h5", save_weights_only=True)
    with pytest.raises(KeyError, match="Available fields: epoch, loss, accuracy"):
        callback.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
