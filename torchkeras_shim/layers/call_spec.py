"""What a layer's `call` can be given, and how it becomes torch's `forward`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

#: The layers of Keras whose `call` has `training=False`, which here is `None`: the mode of the module.
_OFF = (
    "AdditiveAttention AlphaDropout Attention ConvLSTM1D ConvLSTM2D ConvLSTM3D Dropout GRU GRUCell GaussianDropout "
    "GaussianNoise LSTM LSTMCell RNN SimpleRNN SimpleRNNCell SpatialDropout1D SpatialDropout2D SpatialDropout3D "
    "SpectralNormalization StackedRNNCells"
)
#: Those that have `training=True`: they change images.
_ON = (
    "AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization "
    "MaxNumBoundingBoxes MixUp Pipeline RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter "
    "RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale "
    "RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness "
    "RandomShear RandomTranslation RandomZoom Resizing Solarization"
)
_TRAINING_DEFAULTS = {**dict.fromkeys(_OFF.split(), False), **dict.fromkeys(_ON.split(), True)}


def _default_of(owner: type | None) -> bool | None:
    """Keras's default of a class of ours, or of the class of ours that it is a kind of."""
    names = [cls.__name__ for cls in owner.__mro__] if owner is not None else []
    return next((_TRAINING_DEFAULTS[name] for name in names if name in _TRAINING_DEFAULTS), None)


class CallSpec:
    """What a class's `call` can be given."""

    def __init__(self, call: Callable[..., Any], owner: type | None = None) -> None:
        parameters = list(inspect.signature(call).parameters.values())[1:]
        names = [parameter.name for parameter in parameters]
        self.has_training = "training" in names
        self.has_mask = "mask" in names
        default = next((p.default for p in parameters if p.name == "training"), None)
        #: The value of `training` that says nothing, because Keras fills it in where the caller gave none.
        self.training_default = default if isinstance(default, bool) else _default_of(owner)
        self.positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        by_name = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        #: What may be given by name, or `None` where that is anything.
        self.keywords = None if takes_any else frozenset(by_name | {"training"})

    def check_keywords(self, kwargs: dict[str, Any], layer: Any) -> None:
        """Refuses arguments that a layer's `call` does not have.

        Raises:
            TypeError: if there is one.
        """
        for key in kwargs:
            if not isinstance(key, str) or (self.keywords is not None and key not in self.keywords):
                raise TypeError(
                    f"{type(layer).__name__}.call() got an unexpected keyword argument {str(key)[:60]!r}, in the call "
                    f"of layer '{layer.name}'. It takes: {', '.join(sorted(self.keywords or ()))}."
                )


def as_forward(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a class's `forward`: `call` itself, with `training` filled in from the module's mode where it has one."""
    spec = CallSpec(call)
    if not spec.has_training:
        return call
    position = spec.positional.index("training") if "training" in spec.positional else None

    @functools.wraps(call)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = position is not None and len(args) > position
        if not given and kwargs.get("training") is None:
            kwargs["training"] = self.training
        return call(self, *args, **kwargs)

    return forward
