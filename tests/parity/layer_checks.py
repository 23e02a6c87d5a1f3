"""What is compared of one layer: weights, outputs, gradients, config, static shape, types."""

from __future__ import annotations

import numpy as np
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

#: Their static output shape depends on the batch size.
OPEN_BATCH_REFUSED = [("BatchNormalization", {"axis": 0})]


def inputs_of(name, shape, seed=0):
    random = np.random.RandomState(seed)
    if name in ("CategoryEncoding", "Embedding"):
        return random.randint(0, 5, shape).astype("int32")
    return random.standard_normal(shape).astype("float32")


def pair(name, arguments, shape, **common):
    """The same layer of ours and of Keras's, built, with equal weights."""
    ours = getattr(layers, name)(**arguments, **common, name="it")
    theirs = getattr(keras.layers, name)(**arguments, **common, name="it")
    x = inputs_of(name, shape)
    ours(torch.from_numpy(x))
    theirs.build(shape)
    random = np.random.RandomState(1)
    weights = [(0.5 + random.uniform(size=w.shape)).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(theirs.get_weights())
    return ours, theirs, x


def is_seed(variable):
    """Whether a variable of Keras's is the state of a random generator, which is no weight here."""
    return variable.path.endswith("seed_generator_state")


def mode_of(layer, training):
    """The argument `training` for a layer of Keras's, where it takes one."""
    return {"training": training} if layer._call_has_training_arg else {}


def without(values, left_out):
    """The values but those that are to be left out."""
    return [value for value, out in zip(values, left_out, strict=True) if not out]


def gradients_of_keras(layer, x, cotangent, training):
    """Output, new state, and the gradients of `sum(layer(x) * cotangent)` for the trainable weights and the input."""
    state = [v.value for v in layer.non_trainable_variables]
    seeds = [is_seed(v) for v in layer.non_trainable_variables]
    mode = mode_of(layer, training)
    if keras.backend.backend() == "jax":
        jax = imported("jax")

        def loss(weights, x):
            y, moved = layer.stateless_call(weights, state, x, **mode)
            return (y * cotangent).sum(), (y, moved)

        floating = np.asarray(x).dtype.kind == "f"
        function = jax.value_and_grad(loss, (0, 1) if floating else (0,), has_aux=True)
        (_, (y, moved)), gradients = jax.jit(function)([v.value for v in layer.trainable_variables], x)
        return y, without(moved, seeds), gradients[0], gradients[1] if floating else None
    tf = imported("tensorflow")

    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x, **mode)
        loss = tf.reduce_sum(y * cotangent)
    weights = tape.gradient(loss, [v.value for v in layer.trainable_variables])
    moved = without([tf.identity(v.value) for v in layer.non_trainable_variables], seeds)
    return y, moved, [tf.convert_to_tensor(g) for g in weights], tape.gradient(loss, x) if x.dtype.is_floating else None


def check_weights(name, arguments, shape):
    ours, theirs, _ = pair(name, arguments, shape)
    for which in ("weights", "trainable_weights", "non_trainable_weights"):
        expected = [(v.path, tuple(v.shape)) for v in getattr(theirs, which) if v.dtype != "uint32"]  # seeds apart
        assert [(v.path, tuple(v.shape)) for v in getattr(ours, which)] == expected, which
    expected = sum(int(np.prod(v.shape)) for v in theirs.weights if v.dtype != "uint32")
    assert ours.count_params() == expected


def check_outputs_and_gradients(name, arguments, shape, training, gradients=True):
    """Compares a call; without `gradients` only its outputs and what became of the weights, which is much faster."""
    ours, theirs, data = pair(name, arguments, shape)
    x = torch.from_numpy(data)
    if x.is_floating_point():
        x.requires_grad_()
    cotangent = np.random.RandomState(2).standard_normal(ours.compute_output_shape(shape)).astype("float32")
    if gradients:
        y, moved, for_weights, for_input = gradients_of_keras(theirs, data, cotangent, training)
    else:
        y, for_weights, for_input = theirs(data, **mode_of(theirs, training)), None, None
        moved = [v.value for v in theirs.non_trainable_variables if not is_seed(v)]
    output = ours(x, training=training)
    assert output.dtype == torch.float32
    assert_close(output, y, rtol=1e-4, atol=2e-5)
    if output.requires_grad:
        (output * torch.from_numpy(cotangent)).sum().backward()
    for weight, expected in zip(ours.trainable_weights, for_weights, strict=True) if gradients else ():
        assert_close(weight.grad, expected, rtol=1e-3, atol=1e-4, message=weight.path)
        assert [step for step, size in zip(weight.grad.stride(), weight.shape, strict=True) if size > 1] == [
            step for step, size in zip(weight.stride(), weight.shape, strict=True) if size > 1
        ]  # the optimizers' fused kernels want it so
    for weight, expected in zip(ours.non_trainable_weights, moved, strict=True):
        assert_close(weight, expected, message=weight.path)
    if for_input is not None:
        assert_close(x.grad, for_input, rtol=1e-3, atol=1e-4)


def check_config(name, arguments, shape):
    ours, theirs, _ = pair(name, arguments, shape)
    assert ours.get_config() == theirs.get_config()
    mine, expected = layers.serialize(ours), keras.layers.serialize(theirs)
    assert mine | {"build_config": None} == expected | {"build_config": None}
    if theirs.weights:
        assert mine["build_config"] == expected["build_config"]
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    back = type(theirs).from_config(ours.get_config())
    assert back.get_config() == theirs.get_config()
    unbuilt = getattr(layers, name)(**arguments, name="it").get_config()
    assert unbuilt == getattr(keras.layers, name)(**arguments, name="it").get_config()


def check_static_shape_and_type(name, arguments, shape):
    ours, theirs, x = pair(name, arguments, shape)
    open_batch = (None, *shape[1:])
    if (name, arguments) not in OPEN_BATCH_REFUSED:
        expected = tuple(theirs.compute_output_shape(open_batch))
        assert ours.compute_output_shape(open_batch) == expected
        fresh = getattr(layers, name)(**arguments)
        symbolic = fresh(KerasTensor(open_batch, dtype=str(x.dtype)))
        assert symbolic.shape == expected
        assert symbolic.dtype == theirs(keras.KerasTensor(open_batch, dtype=str(x.dtype))).dtype
    assert ours.compute_output_shape(shape) == tuple(ours(x).shape)
    on_meta = ours.to("meta")(torch.from_numpy(x).to("meta"))
    assert (on_meta.shape, on_meta.dtype) == (ours.compute_output_shape(shape), torch.float32)


def check_float64(name, arguments, shape):
    ours, _, x = pair(name, arguments, shape)
    wide = getattr(layers, name)(**arguments, dtype="float64")
    output = wide(torch.from_numpy(x))
    assert output.dtype == torch.float64
    assert all(w.dtype == torch.float64 for w in wide.weights)
    wide.set_weights(ours.get_weights())
    assert_close(wide(torch.from_numpy(x)), ours(torch.from_numpy(x)), rtol=1e-4, atol=2e-5)
    assert ours(x.astype("float64") if x.dtype.kind == "f" else x).dtype == torch.float32


def check_half(name, arguments, shape):
    """Half types give what float32 gives, as closely as they can."""
    ours, _, x = pair(name, arguments, shape)
    expected = ours(torch.from_numpy(x))
    for policy in ("bfloat16", "mixed_bfloat16", "float16"):
        layer = getattr(layers, name)(**arguments, dtype=policy)
        layer.build(shape)
        layer.set_weights(ours.get_weights())
        output = layer(torch.from_numpy(x))
        kind = policy.removeprefix("mixed_")
        assert str(output.dtype) == f"torch.{kind}"
        weights = "float32" if policy.startswith("mixed_") else kind
        assert {str(w.dtype) for w in layer.weights} <= {f"torch.{weights}"}
        scale = max(float(expected.detach().abs().max()), 1.0)
        assert_close(output.float(), expected, rtol=0.03, atol=0.03 * scale)
        if output.requires_grad:
            output.float().sum().backward()
            for weight in layer.trainable_weights:
                assert weight.grad is not None, weight.path
                assert weight.grad.isfinite().all(), weight.path
