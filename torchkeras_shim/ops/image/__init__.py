"""Images: `keras.ops.image`."""

from torchkeras_shim.ops.image.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from torchkeras_shim.ops.image.cutting import crop_images, extract_patches, extract_patches_3d, pad_images
from torchkeras_shim.ops.image.elastic import elastic_transform
from torchkeras_shim.ops.image.filters import gaussian_blur, sobel_edges, ssim
from torchkeras_shim.ops.image.resizing import resize, scale_and_translate
from torchkeras_shim.ops.image.transforms import (
    affine_transform,
    map_coordinates,
    perspective_transform,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
