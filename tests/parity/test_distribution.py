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
    if kind == "lookups":
        exact, longer, absent = "dense/bias" in layouts, "dense/bias/more" in layouts, layouts.get("absent", "default")
        layouts["outer.*"], layouts["outer/kernel"] = ("model",), (None, None)  # a key counts before what matches
        found = [list(layouts[path].axes) for path in ("outer/kernel", "outer/kernel:0", "outer")]
        taken = list(layouts.pop("outer.*").axes)
        layouts.update({"again": ("batch",)})
        return [exact, longer, absent, found, taken, list(layouts), [list(one.axes) for one in layouts.values()]]
    if kind == "layout":
        made = distribution.TensorLayout([None, "model"])
        alike = made == distribution.TensorLayout([None, "model"])
        before = repr(made)
        made.device_mesh = one
        short = distribution.TensorLayout([], one)
        return [alike, before, repr(made), list(short.axes), made.device_mesh is one]
    if kind == "odd mesh":
        made = distribution.DeviceMesh([1, 1], ("same", "same"), [["cpu:0"]])
        return [repr(made), list(made.devices.shape)]
    if kind == "data parallel":
        made = distribution.DataParallel(devices=["cpu:0"])
        layout = made.get_data_layout((8, 3, 2))
        return [repr(made), made.batch_dim_name, made.auto_shard_dataset, list(layout.axes), made.num_model_replicas]
    made = distribution.ModelParallel(layout_map=layouts)
    return [repr(made), made.batch_dim_name, made.num_model_replicas, list(made.get_tensor_layout("dense/bias").axes)]


@pytest.mark.parametrize(
    "kind", ["mesh", "odd mesh", "layout", "layouts", "lookups", "data parallel", "model parallel"]
)
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
        lambda: distribution.DeviceMesh(None, None, ["cpu:0"]),
        lambda: distribution.DeviceMesh(1, ["batch"], ["cpu:0"]),
        lambda: distribution.TensorLayout(None),
        lambda: twice.__setitem__("new", ["batch"]),
        lambda: twice.__setitem__("new", None),
        lambda: twice.__setitem__("new", (None, "absent")),
        lambda: twice.__delitem__("absent"),
        lambda: twice.pop("absent"),
    ]
    with pytest.raises((ValueError, KeyError, TypeError)) as caught:
        calls[number]()
    if not isinstance(caught.value, ValueError):
        return type(caught.value).__name__
    return str(caught.value).split("Received")[0].split(".")[0].strip()


@pytest.mark.parametrize("number", range(19))
def test_what_they_refuse(number):
    assert refused(ours, number) == kept(refused, keras.distribution, number)


def test_every_name_is_there():
    names = [name for name in kept(dir, keras.distribution) if not name.startswith("_")]
    assert [name for name in names if not hasattr(ours, name)] == []
