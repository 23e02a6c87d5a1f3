"""Meshes, layouts and distributions against real Keras: what they hold, and what they refuse."""

from __future__ import annotations

import pytest

from tests.parity.oracle import kept, keras
from torchkeras_shim import distribution as ours


def described(distribution, kind):
    """Returns what a library has for one kind of object."""
    one = distribution.DeviceMesh((1, 1), ["batch", "model"], ["cpu:0"])
    layouts = distribution.LayoutMap(one)
    layouts[".*dense.*kernel"] = (None, "model")
    layouts["dense/bias"] = distribution.TensorLayout(["model"])
    if kind == "mesh":
        return [repr(one), list(one.shape), list(one.axis_names), one.devices.tolist()]
    if kind == "layouts":
        found = [layouts[path] for path in ("a/dense_1/kernel", "dense/bias", "x/dense/bias", "other")]
        shown = [None if layout is None else [list(layout.axes), repr(layout.device_mesh)] for layout in found]
        del layouts["dense/bias"]
        return [shown, list(layouts), len(layouts), layouts.device_mesh is one]
    if kind == "data parallel":
        made = distribution.DataParallel(devices=["cpu:0"])
        layout = made.get_data_layout((8, 3, 2))
        return [repr(made), made.batch_dim_name, made.auto_shard_dataset, list(layout.axes), made.num_model_replicas]
    made = distribution.ModelParallel(layout_map=layouts)
    return [repr(made), made.batch_dim_name, made.num_model_replicas, list(made.get_tensor_layout("dense/bias").axes)]


@pytest.mark.parametrize("kind", ["mesh", "layouts", "data parallel", "model parallel"])
def test_what_they_hold(kind):
    assert described(ours, kind) == kept(described, keras.distribution, kind)


def refused(distribution, number):
    """Returns the first words of an error."""
    mesh = distribution.DeviceMesh((1,), ["batch"], ["cpu:0"])
    twice = distribution.LayoutMap(mesh)
    twice["dense.*"], twice[".*kernel"] = ("batch",), ("batch",)
    calls = [
        lambda: distribution.DeviceMesh((), ["batch"], ["cpu:0"]),
        lambda: distribution.DeviceMesh((1,), ["a", "b"], ["cpu:0"]),
        lambda: distribution.DeviceMesh((2,), ["batch"], ["cpu:0"]),
        lambda: distribution.TensorLayout(["model"], mesh),
        lambda: setattr(distribution.TensorLayout(["batch"], mesh), "device_mesh", mesh),
        lambda: twice["dense/kernel"],
        lambda: twice.__setitem__("dense.*", ("batch",)),
        lambda: twice.__setitem__("new", 3),
        lambda: distribution.ModelParallel(),
        lambda: distribution.ModelParallel(layout_map={}),
        lambda: distribution.DataParallel(device_mesh="cpu:0"),
    ]
    with pytest.raises(ValueError) as caught:
        calls[number]()
    return str(caught.value).split("Received")[0].split(".")[0].strip()


@pytest.mark.parametrize("number", range(11))
def test_what_they_refuse(number):
    assert refused(ours, number) == kept(refused, keras.distribution, number)


def test_every_name_is_there():
    names = [name for name in kept(dir, keras.distribution) if not name.startswith("_")]
    assert [name for name in names if not hasattr(ours, name)] == []
