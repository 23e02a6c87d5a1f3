"""Dtype policies: names, errors, configs and the global one."""

from __future__ import annotations

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import DTypePolicy, FloatDTypePolicy, dtype_policies


@pytest.fixture(autouse=True)
def _restored():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("int32", "int32", "int32"),
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
    ],
)
def test_types(name, compute, variable):
    policy = DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy.quantization_mode is None
    assert dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy
    assert {policy: 1}[DTypePolicy(name)] == 1
    assert repr(FloatDTypePolicy(name)) == f'<DTypePolicy "{name}">'


def test_the_global_policy():
    for setter, getter in (
        (keras.config.set_dtype_policy, keras.config.dtype_policy),
        (keras.mixed_precision.set_global_policy, keras.mixed_precision.global_policy),
        (keras.mixed_precision.set_dtype_policy, keras.mixed_precision.dtype_policy),
    ):
        setter("mixed_float16")
        assert getter() == dtype_policies.get(None) == DTypePolicy() == keras.mixed_precision.Policy("mixed_float16")
        assert keras.layers.Dense(1).dtype_policy.name == "mixed_float16"
        setter(DTypePolicy("float32"))
        assert getter().name == "float32"
    keras.mixed_precision.set_global_policy("mixed_float16")
    keras.backend.clear_session()
    assert keras.config.dtype_policy().name == "float32"


def test_losses_and_metrics_stay_in_the_float_type():
    keras.config.set_dtype_policy("mixed_float16")
    assert keras.losses.MeanSquaredError().dtype == keras.metrics.Mean().dtype == "float32"


def test_inputs():
    policy = DTypePolicy("mixed_float16")
    whole, array = torch.ones(1, dtype=torch.int32), torch.ones(1).numpy()
    assert policy.convert_input(torch.ones(1), True, "float16").dtype is torch.float16
    assert policy.convert_input(array, True, "float16").dtype is torch.float16
    assert policy.convert_input(torch.ones(1), False, "float16").dtype is torch.float32
    assert policy.convert_input(whole, True, "float16") is whole
    assert policy.convert_input("text", True, "float16") == "text"
    assert policy.convert_input(keras.KerasTensor((None, 2)), True, "float16").dtype == "float16"


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: DTypePolicy(3), TypeError, "must be a string"),
        (lambda: DTypePolicy("mixed_float12"), ValueError, "Valid policies include"),
        (lambda: DTypePolicy("int8_from_float32"), ValueError, "Quantized dtype policies are not supported"),
        (lambda: dtype_policies.get("float8_from_float32"), ValueError, "not supported"),
        (lambda: dtype_policies.get(3), ValueError, "Cannot interpret `dtype` argument"),
        (lambda: keras.config.set_dtype_policy(3), ValueError, "Invalid `policy` argument"),
        (lambda: keras.config.set_dtype_policy(None), ValueError, "Invalid `policy` argument"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()
    assert keras.config.dtype_policy().name == "float32"


def test_a_map_gives_each_layer_the_policy_of_its_path():
    policies = keras.dtype_policies.DTypePolicyMap("float32")
    policies["outer/.*"] = "mixed_bfloat16"
    policies["exact"] = keras.dtype_policies.DTypePolicy("float64")

    class Outer(keras.layers.Layer):
        def build(self, input_shape):
            self.inner = keras.layers.Dense(2, dtype=policies, name="inner")
            self.inner.build(input_shape)

        def call(self, inputs):
            return self.inner(inputs)

    outer = Outer(name="outer")
    assert outer(torch.ones(1, 3)).dtype is torch.bfloat16
    assert outer.inner.dtype_policy.name == "mixed_bfloat16"
    assert outer.inner.kernel.dtype is torch.float32
    exact, other = (keras.layers.Dense(2, dtype=policies, name=name) for name in ("exact", "other"))
    assert exact(torch.ones(1, 3)).dtype is torch.float64
    assert exact.kernel.dtype is torch.float64
    assert other(torch.ones(1, 3)).dtype is torch.float32
    assert keras.layers.ReLU(dtype=policies, name="exact")(torch.ones(1, 3)).dtype is torch.float64
    assert (len(policies), list(policies), "exact" in policies) == (2, ["outer/.*", "exact"], True)
    copied = keras.dtype_policies.deserialize(keras.dtype_policies.serialize(policies))
    assert copied == policies
    assert copied["outer/x"].name == "mixed_bfloat16"


def test_a_map_says_what_is_wrong_with_it():
    policies = keras.dtype_policies.DTypePolicyMap(policy_map={"a/.*": "float16"})
    assert policies.name == "map_float32"
    with pytest.raises(ValueError, match="already exist"):
        policies["a/.*"] = "float32"
    policies["a/b/.*"] = "float32"
    with pytest.raises(ValueError, match="matches multiple"):
        policies["a/b/c"]
    with pytest.raises(ValueError, match="cannot be a"):
        keras.dtype_policies.DTypePolicyMap(policies)
    with pytest.raises(TypeError, match="must be a dict"):
        keras.dtype_policies.DTypePolicyMap(policy_map=[1])
