"""Keras's layers around programs of JAX and TensorFlow: they exist so that their absence can be explained."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers.base import LAYERS, Layer

_INSTEAD = (
    "Convert the program to torch and wrap it, `keras.layers.TorchModuleWrapper(module)(x)`; write it as a layer of "
    "`keras.ops`; or run it outside the model and feed its outputs."
)


@LAYERS.register()
class JaxLayer(Layer):
    """Refuses: a function of JAX does not run on torch.

    Args:
        call_fn: The function.
        init_fn: The function that creates its weights.
        params: Its weights.
        state: Its other state.
        seed: Its seed.
        native_serialization_platforms: What it is serialized for.
        **kwargs: Arguments of every layer.

    Raises:
        ValueError: always, with what to do instead.

    Example:
        >>> JaxLayer(call_fn=None)
        Traceback (most recent call last):
        ValueError: ...
    """

    def __init__(
        self,
        call_fn: Any,
        init_fn: Any = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ) -> None:
        raise ValueError(
            "JaxLayer runs a function of JAX as a layer: it works on Keras's JAX and TensorFlow backends only, and "
            f"this is Keras on PyTorch. Received: call_fn={call_fn!r}. {_INSTEAD}"
        )


@LAYERS.register()
class FlaxLayer(JaxLayer):
    """Refuses: a Flax module does not run on torch.

    Args:
        module: The module.
        method: Which of its methods to call.
        variables: Its weights and state.
        **kwargs: Arguments of every layer.

    Raises:
        ValueError: always, with what to do instead.

    Example:
        >>> FlaxLayer(module=None)
        Traceback (most recent call last):
        ValueError: ...
    """

    def __init__(self, module: Any, method: Any = None, variables: Any = None, **kwargs: Any) -> None:
        raise ValueError(
            "FlaxLayer runs a module of Flax as a layer: it works on Keras's JAX and TensorFlow backends only, and "
            f"this is Keras on PyTorch. Received: module={module!r}. {_INSTEAD}"
        )


@LAYERS.register()
class TFSMLayer(Layer):
    """Refuses: a TensorFlow SavedModel does not run on torch.

    Args:
        filepath: Where the SavedModel lies.
        call_endpoint: Which of its functions to call.
        call_training_endpoint: Which of them to call in training.
        trainable: Whether training changes its weights.
        name: The name.
        dtype: The type.

    Raises:
        NotImplementedError: always, with what to do instead.

    Example:
        >>> TFSMLayer("folder")
        Traceback (most recent call last):
        NotImplementedError: ...
    """

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        raise NotImplementedError(
            "TFSMLayer runs a TensorFlow SavedModel as a layer: it works on Keras's TensorFlow backend only, and this "
            f"is Keras on PyTorch. Received: filepath={filepath!r}. Load the model with Keras on TensorFlow, save it "
            "as a `.keras` or `.weights.h5` file, and load that here (`keras.models.load_model`, `load_weights`); "
            "or convert it to torch, for example through ONNX, and wrap it: `keras.layers.TorchModuleWrapper(module)`."
        )
