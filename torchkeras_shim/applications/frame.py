"""What all models have in common: their arguments, their input, the last pooling and where weights come from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.activations import get as activation_of
from torchkeras_shim.activations import linear, softmax
from torchkeras_shim.applications.imagenet_utils import CLASSES, channel_axis
from torchkeras_shim.applications.pretrained import File, Files
from torchkeras_shim.applications.sizes import check_picture
from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Functional, Model
from torchkeras_shim.models.source_inputs import get_source_inputs

#: The layers of the last pooling, and what most families call them.
_POOLING = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


@dataclass(frozen=True)
class Frame:
    """The arguments that every model takes, checked.

    Args:
        include_top: Whether the model has its classifier.
        weights: `None`, `"imagenet"` or the path of a file.
        input_tensor: The symbolic tensor that the model starts from.
        input_shape: The shape of a picture.
        pooling: What follows if there is no classifier: `None`, `"avg"` or `"max"`.
        classes: How many classes the classifier tells apart.
        classifier_activation: Its activation.
        name: The name of the model.
    """

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str

    def __post_init__(self) -> None:
        weights = self.weights
        given = isinstance(weights, (str, os.PathLike)) and (weights == "imagenet" or os.path.exists(weights))
        if weights is not None and not given:
            raise ValueError(
                "The `weights` argument should be either `None` (random initialization), 'imagenet' (pre-training on "
                f"ImageNet), or the path to the weights file to be loaded. Received: weights={weights}"
            )
        if self.imagenet and self.include_top and self.classes != CLASSES:
            raise ValueError(
                "If using `weights='imagenet'` with `include_top=True`, `classes` should be 1000. Received classes="
                f"{self.classes}. For other classes build the model with `include_top=False` and add your own."
            )
        if self.pooling not in (None, *_POOLING):
            raise ValueError(f"`pooling` should be `None`, 'avg' or 'max'. Received: pooling={self.pooling!r}")
        if self.input_tensor is not None and not isinstance(self.input_tensor, KerasTensor):
            raise ValueError(
                "Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor="
                f"{self.input_tensor} (of type {type(self.input_tensor)}). `keras.Input(shape=...)` makes one."
            )
        check_picture(self.input_shape)
        if self.imagenet and self.include_top:
            self._check_activation()

    def _check_activation(self) -> None:
        activation = activation_of(self.classifier_activation)
        if activation not in (None, linear, softmax):
            raise ValueError(
                "Only `None` and `softmax` activations are allowed for the `classifier_activation` argument when using "
                f"pretrained weights, with `include_top=True`; Received: classifier_activation={activation}"
            )

    def check_match(self) -> None:
        """Checks that `input_tensor` has the size that `input_shape` says, if both are given.

        Raises:
            ValueError: If it is not.
        """
        if self.input_shape is None or self.input_tensor is None:
            return
        shape, given = tuple(self.input_tensor.shape), tuple(self.input_shape)
        if shape[2:3] != given[1:2]:
            raise ValueError(
                f"input_tensor.shape[2] must equal input_shape[1]; Received `input_tensor.shape={shape}`, "
                f"`input_shape={given}`. The tensor has a shape already: leave `input_shape` out."
            )

    def named(self, name: str) -> Frame:
        """Returns the same arguments with another name."""
        return replace(self, name=name)

    @property
    def imagenet(self) -> bool:
        """Whether the weights are those trained on ImageNet."""
        return bool(self.weights == "imagenet")

    @property
    def axis(self) -> int:
        """Where the channels of a batch are."""
        return channel_axis(None, 4)

    def image(self, default_size: int, min_size: int) -> KerasTensor:
        """Returns what the model starts from.

        Args:
            default_size: Height and width that the classifier was trained on.
            min_size: The smallest height and width.
        """
        shape = self.shape(default_size, min_size)
        tensor: KerasTensor = layers.Input(shape) if self.input_tensor is None else self.input_tensor
        return tensor

    def shape(self, default_size: int, min_size: int) -> tuple[int | None, ...]:
        """Returns the shape of a picture.

        Args:
            default_size: Height and width that the classifier was trained on.
            min_size: The smallest height and width.

        Raises:
            ValueError: If `input_shape` does not fit the model.
        """
        given = None if self.input_shape is None else tuple(self.input_shape)
        default = _shape(default_size, default_size, channels=3)
        if self.imagenet and self.include_top:
            if given not in (None, default):
                raise ValueError(
                    "When setting `include_top=True` and loading `imagenet` weights, `input_shape` should be "
                    f"{default}. Received: input_shape={given}. Pictures of other sizes need `include_top=False`."
                )
            return default
        if given is None:
            return default if self.include_top else _shape(None, None, channels=3)
        self._check_shape(given, min_size)
        return given

    def _check_shape(self, given: tuple[int | None, ...], min_size: int) -> None:
        if len(given) != 3:
            raise ValueError(
                f"`input_shape` must be a tuple of three integers. Received: input_shape={given}. Write for example "
                f"input_shape={_shape(min_size, min_size, channels=3)}, without the batch."
            )
        channels = given[channel_axis(None, 3)]
        if self.imagenet and channels != 3:
            raise ValueError(f"The input must have 3 channels; Received `input_shape={given}`")
        if channels not in (1, 3):
            warnings.warn(
                "This model usually expects 1 or 3 input channels. However, it was passed an input_shape with "
                f"{channels} input channels.",
                stacklevel=6,
            )
        sizes = [size for at, size in enumerate(given) if at != channel_axis(None, 3)]
        if any(size is not None and size < min_size for size in sizes):
            raise ValueError(f"Input size must be at least {min_size}x{min_size}; Received: input_shape={given}")
        if self.include_top and None in given:
            raise ValueError(
                f"If `include_top` is True, you should specify a static `input_shape`. Received: input_shape={given}"
            )

    def pooled(self, x: KerasTensor, avg: str | None = None, max: str | None = None) -> KerasTensor:
        """Returns the features of a model without a classifier, pooled if that was asked for.

        Args:
            x: The features.
            avg: The name of the layer that averages.
            max: The name of the layer that takes the maxima.
        """
        if self.pooling is None:
            return x
        result: KerasTensor = _POOLING[self.pooling](name=avg if self.pooling == "avg" else max)(x)
        return result

    def classified(self, x: KerasTensor, name: str = "predictions", **arguments: Any) -> KerasTensor:
        """Returns the scores of the classes.

        Args:
            x: The features of each picture.
            name: The name of the last layer.
            **arguments: Further arguments of the last layer.
        """
        activation = self.classifier_activation
        result: KerasTensor = layers.Dense(self.classes, activation=activation, name=name, **arguments)(x)
        return result

    def averaged_and_classified(self, x: KerasTensor) -> KerasTensor:
        """Returns the scores of the classes, or the features if there is no classifier: the end of most families."""
        if not self.include_top:
            return self.pooled(x, avg="avg_pool", max="max_pool")
        return self.classified(layers.GlobalAveragePooling2D(name="avg_pool")(x))

    def model(self, image: KerasTensor, output: KerasTensor, files: Files | File) -> Model:
        """Returns the model, with its weights.

        Args:
            image: What it starts from.
            output: What it ends with.
            files: Where the weights trained on ImageNet are.
        """
        inputs = image if self.input_tensor is None else get_source_inputs(self.input_tensor)
        model = Functional(inputs, output, name=self.name)
        if self.imagenet:
            _load_published(model, files.choose(self.include_top) if isinstance(files, Files) else files)
        elif self.weights is not None:
            self._load(model)
        return model

    def _load(self, model: Model) -> None:
        try:
            model.load_weights(self.weights)
        except ValueError as error:
            top = f"include_top={self.include_top}, classes={self.classes}" if self.include_top else "include_top=False"
            raise ValueError(
                f"{error}\n{self.weights} does not fit the model {self.name!r} with {top}. Give the arguments that the "
                "file was written with; or, to load what fits, build the model with `weights=None` and write "
                f"model.load_weights({os.fspath(self.weights)!r}, skip_mismatch=True)"
            ) from error


def _load_published(model: Model, file: File) -> None:
    path = file.fetch()
    try:
        model.load_weights(path)
    except ValueError as error:
        error.args = (file.explain(error),)
        raise


def _shape(height: int | None, width: int | None, channels: int) -> tuple[int | None, ...]:
    if config.image_data_format() == "channels_first":
        return (channels, height, width)
    return (height, width, channels)


Network = Callable[[Frame], Model]


def variant(function: str, default_name: str, network: Network, module: str) -> Callable[..., Model]:
    """Returns the public function that builds one model of a family.

    Args:
        function: What the function is called.
        default_name: What the model is called.
        network: Builds the model.
        module: The module that the function belongs to.
    """

    def build(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        name: str = default_name,
    ) -> Model:
        return network(
            Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        )

    return public(build, function, module)


ARGUMENTS = """Builds {name}.

    Args:
        include_top: Whether the model has its classifier.
        weights: `"imagenet"` for the weights that Keras publishes, which are downloaded once; the path of a file; or
            `None` for random ones.
        input_tensor: A symbolic tensor to start from.
        input_shape: The shape of a picture, if there is no classifier or its weights are not ImageNet's.
        pooling: What follows the last features if there is no classifier: `None`, `"avg"` or `"max"`.
        classes: How many classes the classifier tells apart.
        classifier_activation: The activation of the classifier; `None` returns logits.
        name: The name of the model.{more}

    Returns:
        A functional model.

    Raises:
        ValueError: If an argument is wrong, or does not fit weights that are trained.
        FileNotFoundError: If the weights are not on this computer and cannot be downloaded; see the message.
    """


def public(build: Callable[..., Model], function: str, module: str, more: str = "") -> Callable[..., Model]:
    """Returns a function under its public name.

    Args:
        build: The function.
        function: Its name.
        module: The module that it belongs to.
        more: What the docstring says of further arguments.
    """
    build.__name__ = build.__qualname__ = function
    build.__module__ = module
    build.__doc__ = ARGUMENTS.format(name=function, more=more)
    return build
