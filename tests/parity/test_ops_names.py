"""Every public name of real Keras's ops, random and tree is here, with the same signature."""

from __future__ import annotations

import inspect

import pytest

import torchkeras_shim
from tests.parity.oracle import keras

#: What Keras has and torch cannot: calls that have to raise and say why. There is no whole function among them.
IMPOSSIBLE = {
    "sparse tensors": (lambda ops: ops.convert_to_tensor([1.0], sparse=True), ValueError, "not supported"),
    "ragged tensors": (lambda ops: ops.convert_to_tensor([1.0], ragged=True), ValueError, "not supported"),
    "sparse one-hot": (lambda ops: ops.one_hot([1], 2, sparse=True), ValueError, "not supported"),
    "sparse multi-hot": (lambda ops: ops.multi_hot([1], 2, sparse=True), ValueError, "not supported"),
    "sparse counts": (lambda ops: ops.bincount([1], sparse=True), ValueError, "not supported"),
    "moments over devices": (
        lambda ops: ops.moments([1.0], axes=[0], synchronized=True),
        NotImplementedError,
        "per device",
    ),
    "a soft cap of attention": (
        lambda ops: ops.dot_product_attention(*[ops.ones((1, 1, 1, 1))] * 3, attn_logits_soft_cap=1.0),
        ValueError,
        "only supported for JAX on TPU",
    ),
    "splines of higher order": (
        lambda ops: ops.image.map_coordinates([1.0, 2.0], [[0.5]], order=3),
        NotImplementedError,
        "order 0 and 1",
    ),
}

SPACES = ["ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "random", "tree", "backend"]


def public(module):
    return {name for name in dir(module) if not name.startswith("_")}


def resolve(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module


@pytest.mark.parametrize("space", SPACES)
def test_every_public_name_is_here(space):
    theirs, ours = public(resolve(keras, space)), set(resolve(torchkeras_shim, space).__all__)
    assert theirs - ours == set()
    assert ours - theirs == set(), "names that Keras does not have"


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_exist_says_why(what):
    call, error, reason = IMPOSSIBLE[what]
    with pytest.raises(error, match=reason):
        call(torchkeras_shim.ops)


def parameters(function):
    signature = inspect.signature(function)
    stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [("" if p.kind in stars else p.name, p.kind, p.default) for p in signature.parameters.values()]


@pytest.mark.parametrize("space", SPACES)
def test_arguments_have_the_names_order_and_defaults_of_keras(space):
    theirs, ours = resolve(keras, space), resolve(torchkeras_shim, space)
    different = {}
    for name in public(theirs):
        function = getattr(theirs, name)
        if inspect.ismodule(function) or inspect.isclass(function):
            continue
        mine = parameters(getattr(ours, name))
        if mine != parameters(function):
            different[name] = (mine, parameters(function))
    assert not different
