"""`ExportArchive`, which is TensorFlow's alone."""

from __future__ import annotations

from typing import Any


class ExportArchive:
    """Keras's writer of TensorFlow SavedModels with several endpoints: not supported, it needs TensorFlow.

    Args:
        *args: Any.
        **kwargs: Any.

    Raises:
        NotImplementedError: Always; the message says what to write instead.

    Example:
        >>> ExportArchive()
        Traceback (most recent call last):
        NotImplementedError: ExportArchive writes TensorFlow SavedModels, which needs TensorFlow. ...
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "ExportArchive writes TensorFlow SavedModels, which needs TensorFlow. Write one program for each endpoint: "
            "`model.export('serve.pt2', format='torch')`, which `torch.export.load('serve.pt2').module()` runs, or "
            "`model.export('serve.onnx', format='onnx')`. For a SavedModel, write `model.save('model.keras')` here, "
            "and export that file in a program that has TensorFlow and Keras."
        )
