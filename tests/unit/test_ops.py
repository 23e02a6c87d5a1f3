"""Operations: what they take, where results live, gradients, symbolic tensors, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torchkeras_shim import ops
from torchkeras_shim.core import config
from torchkeras_shim.core.device import device as device_scope
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.ops.promotion import promote


def test_tensors_pass_untouched():
    x = torch.ones(2, dtype=torch.float64)
    assert ops.convert_to_tensor(x) is x
    assert ops.convert_to_tensor(x, "float32").dtype == torch.float32
    variable = Variable([1.0])
    assert ops.convert_to_tensor(variable) is variable


def test_arrays_are_copied_to_the_default_device(device):
    array = np.arange(4.0)[::-1]
    with device_scope(device):
        x = ops.convert_to_tensor(array)
    assert x.device.type == device.type
    assert x.dtype == torch.float64
    x[0] = 7.0
    assert array[0] == 3.0


@pytest.mark.parametrize(
    "value",
    [
        [torch.ones(2), torch.zeros(2)],
        [[torch.tensor(1.0), torch.tensor(1.0)], [torch.tensor(0.0), torch.tensor(0.0)]],
        np.array([[1.0, 1.0], [0.0, 0.0]], dtype=">f4"),
        np.array([[1.0, 0.0], [1.0, 0.0]], dtype="float32").T,
    ],
)
def test_unusual_values_convert(value):
    assert ops.convert_to_tensor(value).tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_read_only_arrays_convert_without_a_warning():
    array = np.ones(3)
    array.setflags(write=False)
    assert ops.convert_to_tensor(array).tolist() == [1.0, 1.0, 1.0]


def test_large_python_integers_take_64_bits():
    assert ops.convert_to_tensor(3_000_000_000).dtype == torch.int64


@pytest.mark.parametrize("value", ["text", [[1, 2], "a"], object()])
def test_what_holds_no_numbers_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        ops.convert_to_tensor(value)


def test_sparse_and_ragged_are_refused():
    with pytest.raises(ValueError, match="not supported"):
        ops.convert_to_tensor([1.0], sparse=True)
    with pytest.raises(ValueError, match="not supported"):
        ops.one_hot([1], 2, sparse=True)


def test_to_numpy_from_gradients_half_types_and_lists():
    assert ops.convert_to_numpy(torch.ones(1, requires_grad=True)).tolist() == [1.0]
    assert ops.convert_to_numpy(torch.ones(1, dtype=torch.bfloat16)).dtype == np.float32
    assert ops.convert_to_numpy([torch.ones(1), 2 * torch.ones(1)]).tolist() == [[1.0], [2.0]]
    x = torch.ones(1)
    array = ops.convert_to_numpy(x)
    array[0] = 5.0
    assert x.item() == 1.0


def test_is_tensor_shape_and_dtype():
    assert ops.is_tensor(Variable([1.0]))
    assert not ops.is_tensor(KerasTensor((2,)))
    assert not ops.is_tensor(np.ones(2))
    assert ops.shape(KerasTensor((None, 2))) == (None, 2)
    assert ops.dtype(KerasTensor((2,), "float16")) == "float16"
    assert ops.ndim(KerasTensor((None, 2))) == 2


def test_numbers_stay_on_the_cpu_so_that_nothing_is_copied():
    a, b = promote(torch.ones(2, device="meta"), 2)
    assert (a.device.type, b.device.type, b.dtype) == ("meta", "cpu", torch.float32)


def test_floatx_is_the_type_of_float_functions_of_integers():
    config.set_floatx("float64")
    try:
        assert ops.exp([1]).dtype == torch.float64
        assert ops.zeros(1).dtype == torch.float64
        assert ops.divide(torch.tensor([1]), 2).dtype == torch.float64
    finally:
        config.set_floatx("float32")


def test_gradients_flow_through_the_float_functions():
    x = torch.randn(3, 4, requires_grad=True)
    y = ops.sum(ops.softmax(ops.matmul(x, ops.transpose(x)), axis=0) * ops.exp(ops.mean(x)))
    y.backward()
    assert torch.isfinite(x.grad).all()
    assert not ops.stop_gradient(x).requires_grad


def test_gradients_without_nan():
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    ops.sum(ops.divide_no_nan(1.0, x)).backward()
    assert x.grad.tolist() == [0.0, -0.25]
    y = torch.zeros(2, 2, requires_grad=True)
    ops.sum(ops.normalize(y)).backward()
    assert torch.isfinite(y.grad).all()


SYMBOLIC = [
    (lambda x: ops.add(x, np.ones(4, "float32")), (None, 4)),
    (lambda x: ops.add(2, x), (None, 4)),
    (lambda x: ops.where(ops.greater(x, 0.0), x, np.zeros(4, "float32")), (None, 4)),
    (lambda x: ops.concatenate([x, x], axis=-1), (None, 8)),
    (lambda x: ops.stack([x, x], axis=1), (None, 2, 4)),
    (lambda x: ops.reshape(x, (-1, 2, 2)), (None, 2, 2)),
    (lambda x: ops.matmul(x, np.ones((4, 3), "float32")), (None, 3)),
    (lambda x: ops.einsum("bi,ij->bj", x, np.ones((4, 3), "float32")), (None, 3)),
    (lambda x: ops.sum(x, axis=-1, keepdims=True), (None, 1)),
    (lambda x: ops.mean(x), ()),
    (lambda x: ops.top_k(x, 2).values, (None, 2)),
    (lambda x: ops.split(x, 2, axis=1)[0], (None, 2)),
    (lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4), (None, 4)),
    (lambda x: ops.pad(x, ((0, 0), (1, 1)), mode="reflect"), (None, 6)),
    (lambda x: ops.take(x, [0, 1], axis=1), (None, 2)),
    (lambda x: ops.convert_to_tensor(x), (None, 4)),
    (lambda x: ops.cast(x, "float16"), (None, 4)),
    (lambda x: ops.quantile(x, [0.5, 0.9], axis=1), (2, None)),
    (lambda x: ops.norm(x, axis=1), (None,)),
    (lambda x: ops.moments(x, axes=[0])[1], (4,)),
    (lambda x: ops.clip(x, 0, 1), (None, 4)),
    (lambda x: ops.segment_sum(ops.transpose(x), [0, 1, 0, 1], num_segments=2), (2, None)),
]


@pytest.mark.parametrize(("function", "shape"), SYMBOLIC, ids=[str(i) for i in range(len(SYMBOLIC))])
def test_symbolic_tensors(function, shape):
    assert function(KerasTensor((None, 4))).shape == shape


@pytest.mark.parametrize(("function", "shape"), SYMBOLIC, ids=[str(i) for i in range(len(SYMBOLIC))])
def test_the_same_functions_on_values(function, shape):
    result = function(torch.randn(5, 4))
    assert tuple(result.shape) == tuple(5 if size is None else size for size in shape)


ERRORS = [
    (lambda: ops.squeeze(np.ones((1, 2)), 1), ValueError, "dimension is not 1"),
    (lambda: ops.split([1, 2, 3], 2), ValueError, "array_split"),
    (lambda: ops.where([True], 1), ValueError, "either both"),
    (lambda: ops.pad([1, 2], 1, mode="wrap"), ValueError, "`mode` must be"),
    (lambda: ops.pad([1, 2], 5, mode="reflect"), ValueError, "can be at most 1"),
    (lambda: ops.pad([1, 2], 1, mode="reflect", constant_values=1), ValueError, "constant_values"),
    (lambda: ops.glu([1.0, 2.0, 3.0]), ValueError, "divisible by 2"),
    (lambda: ops.slice([1, 2], [1], [5]), ValueError, "leaves axis 0"),
    (lambda: ops.scatter_update([1.0], [[0]], [1.0], reduction="sub"), ValueError, "`reduction` must be"),
    (lambda: ops.clip([1, 5], 0.5, 2), TypeError, "Cannot clip integers"),
    (lambda: ops.sum([1.0], axis=3), ValueError, "out of bounds"),
    (lambda: ops.quantile([1.0], 0.5, method="cubic"), ValueError, "Invalid `method`"),
    (lambda: ops.linspace(0, 1, -1), ValueError, "non-negative"),
    (lambda: ops.moments([1.0], [0], synchronized=True), NotImplementedError, "synchronized"),
    (lambda: ops.segment_sum([1.0, 2.0], [0]), ValueError, "one id per row"),
    (lambda: ops.normalize([1.0], order=0), ValueError, "`order` must be"),
    (lambda: ops.multi_hot([1]), ValueError, "num_classes"),
    (lambda: ops.unstack([1, 2], num=3), ValueError, "`num` must be"),
    (lambda: ops.average([[1.0, 2.0]], axis=1, weights=[1.0, 2.0, 3.0]), ValueError, "`weights` must"),
    (lambda: ops.cross([1, 2, 3, 4], [1, 2, 3]), ValueError, "either 2 or 3"),
    (lambda: ops.meshgrid([1], indexing="yx"), ValueError, "`indexing`"),
    (lambda: ops.searchsorted([1.0], [1.0], side="up"), ValueError, "`side`"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS, ids=[text for _, _, text in ERRORS])
def test_errors_teach(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_reductions_of_nothing():
    empty = torch.zeros(0, 3)
    assert ops.sum(empty, axis=0).tolist() == [0.0] * 3
    assert bool(ops.all(empty))
    assert not bool(ops.any(empty))
    assert ops.max(empty, axis=0, initial=-1.0).tolist() == [-1.0] * 3
    assert ops.sum(torch.ones(2, 2), axis=()).shape == (2, 2)


def test_rows_outside_the_segments_are_left_out():
    assert ops.segment_max([1.0, 9.0, 3.0], [0, 5, -1], num_segments=1).tolist() == [1.0]
    lowest = torch.finfo(torch.float32).min
    assert ops.segment_max([1.0], [1]).tolist() == [lowest, 1.0]


def test_quantile_of_missing_values_is_missing():
    assert torch.isnan(ops.median([1.0, float("nan"), 2.0]))
    assert torch.isnan(ops.nanmax([float("nan")]))


def test_edge_padding_and_batched_bincount():
    assert ops.pad([1, 2], (2, 1), mode="edge").tolist() == [1, 1, 1, 2, 2]
    assert ops.bincount([[1, 1], [0, 3]]).tolist() == [[0, 2, 0, 0], [1, 0, 0, 1]]


def test_stacking_follows_numpy_for_vectors():
    assert ops.vstack([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert ops.size(np.ones((2, 3))).item() == 6


def test_every_operation_is_exported_once():
    assert len(ops.__all__) == len(set(ops.__all__))
    namespaces = {"image", "linalg", "nn", "numpy"}
    for name in set(ops.__all__) - namespaces:
        assert callable(getattr(ops, name))
    for namespace in namespaces - {"image"}:
        module = getattr(ops, namespace)
        assert all(getattr(module, name) is getattr(ops, name) for name in module.__all__)
