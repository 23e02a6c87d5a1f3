"""Pictures and sounds in bytes: `tf.io.decode_jpeg`, `tf.audio.decode_wav` and their kin."""

from __future__ import annotations

import io
import wave
from collections import namedtuple
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.image_colors import convert_image_dtype
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor, as_strings, scalar
from torchkeras_shim.preprocessing.decoding import jpeg_decoder

#: PIL's modes for a number of channels; 0 takes what the file has.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def one_text(value: Any) -> bytes:
    """Returns the bytes of one string."""
    found = as_strings(value).numpy()
    if not isinstance(found, bytes):
        raise InvalidArgumentError(f"Expected one string, not a tensor of shape {np.shape(found)}.")
    return found


def text(value: bytes) -> StringTensor:
    """Returns bytes as one string."""
    return StringTensor.of_bytes(scalar(value))


def _opened(contents: Any) -> Any:
    from PIL import Image

    data = one_text(contents)
    try:
        return Image.open(io.BytesIO(data))
    except Exception as error:
        raise InvalidArgumentError(
            f"Unknown image file format. One of JPEG, PNG, GIF, BMP required. "
            f"Received {len(data)} bytes that begin with {data[:8]!r}."
        ) from error


def _pixels(picture: Any, channels: int) -> np.ndarray:
    if channels not in (0, 1, 3, 4):
        raise ValueError(f"channels must be 0, 1, 3 or 4. Received: {channels}")
    mode = _MODES.get(channels)
    if mode is None:
        bands = picture.mode
        mode = (
            bands
            if bands in ("L", "RGB", "RGBA", "LA")
            else "RGBA"
            if bands == "P" and "transparency" in picture.info
            else "RGB"
        )
        mode = "L" if bands in ("1", "L") else mode
    try:
        array = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    except OSError as error:  # a file that ends too early
        raise InvalidArgumentError(f"The image cannot be decoded: {error}") from error
    return np.array(array if array.ndim == 3 else array[..., None])


@tf_op("io.decode_jpeg", "image.decode_jpeg")
def decode_jpeg(
    contents: Any,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
) -> Any:
    """The pixels of a JPEG file, uint8 of shape (height, width, channels), by the accurate transform.

    They may differ by small amounts from TensorFlow's, which takes the rougher one unless it is told
    `dct_method="INTEGER_ACCURATE"`.

    Raises:
        NotImplementedError: For `dct_method="INTEGER_FAST"`, `fancy_upscaling=False` and other options that libjpeg is
            not told here.
    """
    if dct_method not in ("", "INTEGER_FAST", "INTEGER_ACCURATE"):
        raise InvalidArgumentError(
            "dct_method must be one of {'', 'INTEGER_FAST', 'INTEGER_ACCURATE'}. " + f"Received: {dct_method!r}"
        )
    if dct_method == "INTEGER_FAST":
        raise NotImplementedError("decode_jpeg has the accurate transform only. Write dct_method='INTEGER_ACCURATE'.")
    if not fancy_upscaling:
        raise NotImplementedError("decode_jpeg always interpolates colours: leave fancy_upscaling=True.")
    if try_recover_truncated or acceptable_fraction != 1:
        raise NotImplementedError("decode_jpeg does not recover truncated files: leave try_recover_truncated out.")
    if ratio != 1:
        raise NotImplementedError(f"decode_jpeg with ratio={ratio} is not supported. Write tf.image.resize.")
    data, decoder = one_text(contents), jpeg_decoder()
    if decoder is not None and data.startswith(b"\xff\xd8") and channels in (0, 1, 3):
        pixels = decoder(torch.frombuffer(bytearray(data), dtype=torch.uint8), channels, False).permute(1, 2, 0)
        if pixels.shape[-1] in (1, 3):
            return pixels
    return torch.from_numpy(_pixels(_opened(contents), channels))


@tf_op("io.decode_and_crop_jpeg", "image.decode_and_crop_jpeg")
def decode_and_crop_jpeg(contents: Any, crop_window: Any, channels: int = 0, *args: Any, **kwargs: Any) -> Any:
    """A part of a JPEG file: from (y, x) on, of a height and a width."""
    y, x, height, width = (int(one) for one in crop_window)
    pixels = decode_jpeg(contents, channels, *args, **kwargs)
    if min(y, x) < 0 or min(height, width) <= 0 or y + height > pixels.shape[0] or x + width > pixels.shape[1]:
        raise InvalidArgumentError(f"Invalid JPEG data or crop window: {[y, x, height, width]} of {pixels.shape}")
    return pixels[y : y + height, x : x + width]


@tf_op("io.decode_png", "image.decode_png")
def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8") -> Any:
    """The pixels of a PNG file, of shape (height, width, channels)."""
    wanted = as_dtype(dtype)
    if wanted == "uint16":
        array = np.asarray(_opened(contents)).astype(np.uint16)
        return torch.from_numpy(array if array.ndim == 3 else array[..., None])
    return convert_image_dtype(torch.from_numpy(_pixels(_opened(contents), channels)), wanted)


@tf_op("io.decode_bmp", "image.decode_bmp", "io.decode_webp", "image.decode_webp")
def decode_bmp(contents: Any, channels: int = 0) -> Any:
    """The pixels of a BMP or WebP file, uint8 of shape (height, width, channels)."""
    return torch.from_numpy(_pixels(_opened(contents), channels))


@tf_op("io.decode_gif", "image.decode_gif")
def decode_gif(contents: Any) -> Any:
    """The pixels of all pictures of a GIF file, uint8 of shape (pictures, height, width, 3)."""
    from PIL import ImageSequence

    return torch.from_numpy(np.stack([_pixels(frame, 3) for frame in ImageSequence.Iterator(_opened(contents))]))


@tf_op("io.decode_image", "image.decode_image")
def decode_image(contents: Any, channels: Any = None, dtype: Any = "uint8", expand_animations: bool = True) -> Any:
    """The pixels of a JPEG, PNG, BMP or GIF file; a GIF has one more axis unless `expand_animations=False`."""
    picture = _opened(contents)
    if picture.format == "GIF" and expand_animations:
        return convert_image_dtype(decode_gif(contents), dtype)
    default = 3 if picture.format == "GIF" else 0
    return convert_image_dtype(torch.from_numpy(_pixels(picture, channels or default)), dtype)


@tf_op("io.is_jpeg", "image.is_jpeg")
def is_jpeg(contents: Any) -> Any:
    """Whether bytes begin as a JPEG file does."""
    return torch.tensor(one_text(contents)[:3] == b"\xff\xd8\xff")


@tf_op("io.extract_jpeg_shape", "image.extract_jpeg_shape")
def extract_jpeg_shape(contents: Any, output_type: Any = "int32") -> Any:
    """The height, width and channels of a JPEG file, whose pixels are not decoded."""
    picture = _opened(contents)
    return torch.tensor(
        [picture.height, picture.width, len(picture.getbands())], dtype=as_dtype(output_type).torch_dtype
    )


def _encoded(image: Any, kind: str, **options: Any) -> StringTensor:
    from PIL import Image

    x = like(image)
    if x.dtype != torch.uint8 or x.ndim != 3:
        raise InvalidArgumentError(
            f"Expected an image of uint8 and of rank 3. Received: {x.dtype}, shape {tuple(x.shape)}."
        )
    array = x.cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(file, kind, **options)
    return text(file.getvalue())


@tf_op("io.encode_jpeg", "image.encode_jpeg")
def encode_jpeg(
    image: Any,
    format: str = "",
    quality: int = 95,
    progressive: bool = False,
    optimize_size: bool = False,
    chroma_downsampling: bool = True,
    density_unit: str = "in",
    x_density: int = 300,
    y_density: int = 300,
    xmp_metadata: str = "",
) -> Any:
    """An image of uint8 as a JPEG file.

    Raises:
        NotImplementedError: If its density or its metadata are asked for, or a `format` that the channels do not have.
    """
    if (density_unit, x_density, y_density, xmp_metadata) != ("in", 300, 300, ""):
        raise NotImplementedError("encode_jpeg writes no density and no metadata: leave these arguments out.")
    channels = like(image).shape[-1]
    if format not in ("", {1: "grayscale", 3: "rgb"}.get(channels)):
        raise NotImplementedError(f"encode_jpeg with format={format!r} of {channels} channels: leave `format` out.")
    sampling = "4:2:0" if chroma_downsampling else "4:4:4"
    return _encoded(
        image, "JPEG", quality=quality, progressive=progressive, optimize=optimize_size, subsampling=sampling
    )


@tf_op("io.encode_png", "image.encode_png")
def encode_png(image: Any, compression: int = -1) -> Any:
    """An image of uint8 as a PNG file."""
    return _encoded(image, "PNG", **({} if compression < 0 else {"compress_level": compression}))


@tf_op("image.adjust_jpeg_quality")
def adjust_jpeg_quality(image: Any, jpeg_quality: Any, dct_method: str = "") -> Any:
    """An image, compressed as JPEG and decoded again."""
    x = like(image)
    decoded = decode_jpeg(
        encode_jpeg(convert_image_dtype(x, "uint8", saturate=True), quality=int(jpeg_quality)), channels=x.shape[-1]
    )
    return convert_image_dtype(decoded, x.dtype)


# Sounds -------------------------------------------------------------------------------------------------------------

DecodeWav = namedtuple("DecodeWav", ["audio", "sample_rate"])


@tf_op("audio.decode_wav")
def decode_wav(contents: Any, desired_channels: int = -1, desired_samples: int = -1) -> Any:
    """The samples of a WAV file of 16 bits, float32 from -1 to 1 of shape (samples, channels), and their rate."""
    try:
        with wave.open(io.BytesIO(one_text(contents))) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(f"Header mismatch: not a WAV file that can be read: {error}") from error
    if width != 2:
        raise InvalidArgumentError(f"Can only read 16-bit WAV files, but received {8 * width}")
    audio = np.frombuffer(data, "<i2").reshape(-1, channels).astype(np.float32) / 32768
    if desired_channels not in (-1, channels):
        audio = np.repeat(audio[:, :1], desired_channels, 1) if channels == 1 else audio[:, :desired_channels]
    if desired_samples != -1:
        audio = np.pad(audio[:desired_samples], ((0, max(desired_samples - len(audio), 0)), (0, 0)))
    return DecodeWav(torch.from_numpy(audio.copy()), torch.tensor(rate, dtype=torch.int32))


@tf_op("audio.encode_wav")
def encode_wav(audio: Any, sample_rate: Any) -> Any:
    """Samples from -1 to 1 of shape (samples, channels) as a WAV file of 16 bits."""
    x = convert(audio).cpu().numpy()
    samples = np.clip(np.round(x * 32767), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(x.shape[1])
        out.setsampwidth(2)
        out.setframerate(int(sample_rate))
        out.writeframes(samples.tobytes())
    return text(file.getvalue())
