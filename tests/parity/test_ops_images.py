"""Image operations against real Keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.checking import ON_TENSORFLOW, check, check_symbolic, first_of_each
from tests.parity.oracle import assert_close, to_numpy
from torchkeras_shim import ops
from torchkeras_shim.random import SeedGenerator

image = ops.image
RNG = np.random.default_rng(0)
IM = RNG.random((2, 6, 5, 3)).astype("float32")
NCHW = np.ascontiguousarray(np.moveaxis(IM, -1, 1))
BYTES = (IM * 255).astype("uint8")
BIG = RNG.random((2, 12, 13, 3)).astype("float32")
TRANSFORM = np.array([[1.1, 0.2, -0.7, -0.1, 0.9, 0.6, 0, 0], [0.8, -0.3, 1.2, 0.2, 1.2, -2.3, 0, 0]], "float32")
POINTS = np.array([[[0, 0], [4, 0], [0, 5], [4, 5]]] * 2, "float32")
MOVED = POINTS + RNG.random(POINTS.shape).astype("float32")
PLACES = (RNG.random((2, 4, 3)) * 9 - 2).astype("float32")
VOLUME = RNG.random((1, 4, 5, 4, 2)).astype("float32")
FIRST = {"data_format": "channels_first"}

CASES = [
    *[("resize", (IM, (3, 8)), {"interpolation": i}) for i in ("bilinear", "nearest", "bicubic", "lanczos3")],
    ("resize", (IM, (4, 3)), {"antialias": True}),
    ("resize", (IM, (3, 2)), {"interpolation": "lanczos5", "antialias": True}),
    ("resize", (BYTES, (4, 4)), {}),
    ("resize", (BYTES, (4, 4)), {"interpolation": "nearest"}),
    ("resize", (IM, (4, 8)), {"crop_to_aspect_ratio": True}),
    ("resize", (IM[0], (4, 8)), {"pad_to_aspect_ratio": True, "fill_value": 0.5}),
    ("resize", (NCHW, (4, 4)), FIRST),
    ("affine_transform", (IM, TRANSFORM), {"fill_value": 0.3}),
    ("affine_transform", (IM, TRANSFORM), {"interpolation": "nearest", "fill_mode": "nearest"}),
    ("affine_transform", (IM[0], TRANSFORM[1]), {"fill_mode": "reflect"}),
    ("perspective_transform", (IM, POINTS, MOVED), {}),
    ("perspective_transform", (IM[0], POINTS[0], MOVED[0]), {"interpolation": "nearest", "fill_value": 0.4}),
    ("map_coordinates", (IM[0, :, :, 0], PLACES, 0), {"fill_mode": "nearest"}),
    ("map_coordinates", (IM[0, :, :, 0], PLACES, 1), {"fill_value": 0.2}),
    ("map_coordinates", (BYTES[0, :, :, 0], PLACES, 1), {"fill_mode": "wrap"}),
    ("gaussian_blur", (IM,), {"kernel_size": (5, 5), "sigma": (1.0, 2.0), "data_format": "channels_last"}),
    ("gaussian_blur", (NCHW[0],), {"kernel_size": (4, 4), **FIRST}),
    ("ssim", (BIG, np.clip(BIG + 0.1, 0, 1)), {}),
    ("ssim", (BIG[0], BIG[1]), {"filter_size": 5, "max_val": 2.0}),
    ("rgb_to_grayscale", (IM,), {}),
    ("rgb_to_grayscale", (BYTES,), {}),
    ("rgb_to_grayscale", (NCHW[0],), FIRST),
    ("rgb_to_hsv", (np.round(IM * 2) / 2,), {}),
    ("rgb_to_hsv", (NCHW,), FIRST),
    ("hsv_to_rgb", (IM,), {}),
    ("extract_patches", (IM, (2, 3)), {"strides": 1}),
    ("extract_patches", (IM[0], 3), {"strides": 2, "padding": "same"}),
    ("extract_patches", (IM, 2), {"strides": 1, "dilation_rate": 2, "padding": "same"}),
    ("extract_patches", (NCHW, 2), FIRST),
    ("extract_patches_3d", (VOLUME, 2), {}),
    ("extract_patches", (VOLUME, (2, 2, 3)), {"padding": "same", "strides": (1, 2, 2)}),
    ("pad_images", (IM, 1, 2, 3, 4), {}),
    ("pad_images", (NCHW, 1), {"left_padding": 1, "target_height": 9, "target_width": 8, **FIRST}),
    ("crop_images", (IM, 1, 1, 1, 1), {}),
    ("crop_images", (IM[0],), {"bottom_cropping": 1, "right_cropping": 1, "target_height": 3, "target_width": 2}),
    *[
        (
            "scale_and_translate",
            (IM, (2, 4, 9, 3), np.array([0.7, 1.8], "float32"), np.array([0.3, -0.5], "float32"), (1, 2), method),
            {"antialias": antialias},
        )
        for method, antialias in (("linear", True), ("cubic", False), ("lanczos3", True))
    ],
]
IDS = [f"{i}-{case[0]}" for i, case in enumerate(CASES)]
HEAVY = ("perspective_transform", "affine_transform", "scale_and_translate", "ssim")
COMPARED = [case for case, chosen in zip(CASES, first_of_each(CASES), strict=True) if chosen or case[0] not in HEAVY]


@pytest.mark.parametrize(("name", "args", "kwargs"), COMPARED, ids=[f"{i}-{c[0]}" for i, c in enumerate(COMPARED)])
def test_values(name, args, kwargs):
    # TensorFlow takes its cubic weights from a table.
    cubic = ON_TENSORFLOW and kwargs.get("interpolation") == "bicubic"
    check(f"image.{name}", *args, rtol=1e-4, atol=1e-3 if cubic else 1e-4, **kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=IDS)
def test_symbolic_results(name, args, kwargs):
    check_symbolic(f"image.{name}", *args, **kwargs)


def test_area_is_the_mean_of_what_a_pixel_covers():
    """Keras has it on TensorFlow only."""
    assert_close(image.resize(IM[:, :, :4], (3, 2), "area"), IM[:, :, :4].reshape(2, 3, 2, 2, 2, 3).mean(axis=(2, 4)))
    row = np.array([0.0, 3.0, 6.0], "float32").reshape(1, 3, 1)
    assert_close(image.resize(row, (1, 2), "area").ravel(), [1.0, 5.0])
    if ON_TENSORFLOW:
        check("image.resize", IM, (4, 3), interpolation="area", rtol=1e-4, atol=1e-4)


def test_sobel_edges_are_those_of_tensorflow():
    """JAX and TensorFlow disagree."""
    ramp = np.broadcast_to(np.arange(5, dtype="float32")[:, None], (5, 4)).reshape(1, 5, 4, 1)
    edges = image.sobel_edges(ramp)
    assert edges.shape == (1, 5, 4, 1, 2)
    assert edges[0, 1:-1, :, 0, 0].unique().tolist() == [8.0]
    assert edges[..., 1].abs().max() == 0
    first = image.sobel_edges(np.moveaxis(ramp, -1, 1), data_format="channels_first")
    assert torch.equal(first.permute(0, 2, 3, 1, 4), edges)
    if ON_TENSORFLOW:
        check("image.sobel_edges", IM, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="Keras on JAX knows no perspective here and wraps and rounds otherwise")
def test_transforms_as_tensorflow_does_them():
    perspective = TRANSFORM + np.array([0, 0, 0, 0, 0, 0, 0.02, -0.03], "float32")
    check("image.affine_transform", IM, perspective, rtol=1e-4, atol=1e-4)
    check("image.affine_transform", BYTES, TRANSFORM)
    check("image.affine_transform", IM, TRANSFORM * 3, fill_mode="wrap", rtol=1e-4, atol=1e-4)
    check("image.affine_transform", IM, TRANSFORM * 3, fill_mode="reflect", rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(ON_TENSORFLOW, reason="Keras on TensorFlow does not do what it documents")
@pytest.mark.parametrize("fill_mode", ["mirror", "reflect"])
def test_reflected_coordinates(fill_mode):
    check("image.map_coordinates", IM[0, :, :, 0], PLACES, 1, fill_mode=fill_mode, rtol=1e-4, atol=1e-5)


def test_elastic_transform():
    assert_close(image.elastic_transform(IM, alpha=0.0, seed=1), IM)
    moved = image.elastic_transform(IM, seed=1)
    assert moved.shape == IM.shape
    assert not np.allclose(to_numpy(moved), IM)
    assert torch.equal(moved, image.elastic_transform(IM, seed=1))
    generator = SeedGenerator(1)
    assert torch.equal(moved, image.elastic_transform(IM, seed=generator))
    assert not torch.equal(moved, image.elastic_transform(IM, seed=generator))
    assert image.elastic_transform(BYTES, interpolation="nearest", fill_mode="wrap", seed=2).dtype == torch.uint8
    assert IM.min() <= moved.min() <= moved.max() <= IM.max()
    flat = image.elastic_transform(np.ones((1, 4, 4, 1), "float32"), fill_mode="constant", fill_value=5.0, seed=3)
    assert flat.max() > 1


def test_gradients():
    x = torch.rand(1, 4, 5, 2, dtype=torch.float64, requires_grad=True)
    transform = torch.tensor(TRANSFORM[:1], dtype=torch.float64)
    for function in (
        lambda x: image.resize(x, (3, 7), "bicubic"),
        lambda x: image.affine_transform(x, transform),
        lambda x: image.gaussian_blur(x),
        lambda x: image.sobel_edges(x),
        lambda x: image.ssim(x, x.flip(1), filter_size=3),
        lambda x: image.extract_patches(x, 2),
        lambda x: image.map_coordinates(x[0, :, :, 0], PLACES, 1, "nearest"),
    ):
        assert torch.autograd.gradcheck(function, [x])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.resize(IM, (3,)), "tuple of 2"),
        (lambda: image.resize(IM, (0, 3)), "positive"),
        (lambda: image.resize(IM[0, 0], (3, 3)), "rank"),
        (lambda: image.resize(IM, (3, 3), "cubic"), "interpolation"),
        (lambda: image.resize(IM, (3, 3), fill_mode="wrap"), "fill_mode"),
        (lambda: image.resize(IM, (3, 3), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Only one"),
        (lambda: image.affine_transform(IM, TRANSFORM[:, :6]), "8 numbers"),
        (lambda: image.affine_transform(IM, TRANSFORM, fill_mode="mirror"), "fill_mode"),
        (lambda: image.affine_transform(IM, TRANSFORM[None]), "transform rank"),
        (lambda: image.perspective_transform(IM, POINTS[:, :3], MOVED), "start_points"),
        (lambda: image.perspective_transform(IM, POINTS, MOVED[0]), "same shape"),
        (lambda: image.map_coordinates(IM, PLACES, 1), "rank of"),
        (lambda: image.rgb_to_hsv(BYTES), "float dtype"),
        (lambda: image.rgb_to_grayscale(IM[..., :2]), "channel size"),
        (lambda: image.hsv_to_rgb(IM[..., :2]), "3 channels"),
        (lambda: image.pad_images(IM, 1), "exactly two"),
        (lambda: image.pad_images(IM, -1, 1, 1, 1), ">= 0"),
        (lambda: image.crop_images(IM, 4, 0, 4, 0), ">= 0"),
        (lambda: image.crop_images(IM, 4, 0, None, 0, target_height=4), "Cannot cut"),
        (lambda: image.extract_patches(IM, (1, 2, 3, 4)), "length 2 or 3"),
        (lambda: image.ssim(IM, IM), "smaller than filter_size"),
        (lambda: image.ssim(IM, IM[0]), "same shape"),
        (lambda: image.sobel_edges(IM[0]), "rank 4"),
        (lambda: image.scale_and_translate(IM, IM.shape, (1.0,), (0.0,), (1,), "nearest"), "method"),
        (lambda: image.gaussian_blur(IM, kernel_size=(3,)), "two numbers"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(TypeError, match="size"):
        image.extract_patches(IM, "2")
