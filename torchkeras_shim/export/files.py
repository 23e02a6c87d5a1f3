"""Exporting models to files that other programs run."""

from __future__ import annotations

import copy
import inspect
import os
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from torchkeras_shim.core import dtypes, stand_ins, tree
from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.core.console import print_msg
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export.emitter import NoCounterpartError
from torchkeras_shim.export.network import to_torch

_FORMATS = ("tf_saved_model", "onnx", "openvino", "litert", "torch")
_INSTEAD = {
    "tf_saved_model": "TensorFlow is needed to write it. Write `model.save('model.keras')` here, and there "
    "`keras.models.load_model('model.keras').export(path)`",
    "openvino": "OpenVINO reads ONNX: use `format='onnx'` and `openvino.convert_model`",
    "litert": "Use `format='torch'`, and `ai_edge_torch` or `litert_torch` on the result of `model.to_torch()`",
}
#: ONNX files hold at most 2 GB; the weights of larger models go into a second file beside them.
_LARGEST_ONNX = 1_900_000_000
#: With which batch a program is traced, and with which it is tried.
_TRACED_BATCH, _TRIED_BATCH = 2, 3


def export_model(
    model: Any,
    filepath: str | os.PathLike[str],
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> None:
    """Writes a model, for inference, to a file that needs neither this library nor Keras.

    Sizes that are `None` in the model's input shape, as the batch is, stay open in the file.

    Args:
        model: A built model. Layers need no counterpart in plain torch: the file holds torch's operators.
        filepath: The file to write; it must end in `.pt2` for `"torch"`.
        format: `"torch"` for a program that `torch.export.load` reads, or `"onnx"`.
        verbose: Whether to print a message at the end; `None` means yes.
        input_signature: Shapes and types of the inputs, where they are not to be the model's: `InputSpec`s,
            `KerasTensor`s or tensors.
        **kwargs: For `"torch"` the arguments of `torch.export.export`; for `"onnx"` `opset_version`.

    Raises:
        ValueError: If the format, ending or argument is another one, or the model is not built.
        ImportError: If the packages for `"onnx"` are not installed.
        RuntimeError: If the exported program does not compute what the model does.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.pt2")
        >>> export_model(model, path, format="torch", verbose=False)
        >>> torch.export.load(path).module()(torch.zeros(5, 4)).shape
        torch.Size([5, 2])
    """
    if format not in _FORMATS:
        raise ValueError(f"Unrecognized format={format}. Supported formats are: {list(_FORMATS)}.")
    if format in _INSTEAD:
        raise ValueError(f"format='{format}' is not supported here: use 'torch' or 'onnx'. {_INSTEAD[format]}.")
    path = os.fspath(filepath)
    if format == "torch" and not path.endswith(".pt2"):
        raise ValueError(f"The PyTorch export requires the filepath to end with '.pt2'. Got: {path}")
    _check_arguments(format, kwargs)
    specs = _signature(model, input_signature)
    module = _as_torch(model)
    if format == "torch":
        _write_program(module, specs, path, kwargs)
    else:
        _write_onnx(module, specs, path, _output_names(model), kwargs.get("opset_version"))
    if verbose is None or verbose:
        print_msg(f"Saved {'PyTorch ExportedProgram' if format == 'torch' else 'artifact'} at '{path}'.")


def _check_arguments(format: str, kwargs: dict[str, Any]) -> None:
    known = {"opset_version"}
    if format == "torch":
        known = set(inspect.signature(torch.export.export).parameters) - {"mod", "args", "kwargs"}
    unknown = sorted(set(kwargs) - known)
    if unknown:
        raise ValueError(
            f'Unsupported arguments for `format="{format}"`: {", ".join(unknown)}. Supported arguments are: '
            f"{', '.join(sorted(known))}."
        )
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if format == "onnx" and missing:
        raise ImportError(
            f"`model.export(format='onnx')` needs {' and '.join(missing)}. Run `pip install torchkeras_shim[onnx]`."
        )


def _signature(model: Any, given: Any) -> list[KerasTensor]:
    """Returns shape and type of each input."""
    own = _inputs_of(model)
    if given is None:
        return own
    leaves = tree.flatten(given)
    if len(leaves) != len(own):
        raise ValueError(
            f"`input_signature` must describe the {len(own)} input(s) of model '{model.name}'. Received "
            f"{len(leaves)}: input_signature={given}"
        )
    specs = []
    for leaf, spec in zip(leaves, own, strict=True):
        shape = getattr(leaf, "shape", None)
        if shape is None:
            raise ValueError(f"`input_signature` must give every input a shape. Received: {leaf}")
        dtype = getattr(leaf, "dtype", None)
        dtype = spec.dtype if dtype is None else dtypes.standardize_dtype(dtype)
        specs.append(KerasTensor(tuple(shape), dtype, name=spec.name))
    return specs


def _inputs_of(model: Any) -> list[KerasTensor]:
    """Returns the inputs of a model; those of a subclassed one are as its first call had them, but for the batch."""
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has not been built. Call it on some data, or `model.build(input_shape)`, first."
        )
    if model._graph is not None:
        pairs = zip(model.inputs, model.input_names, strict=True)
        return [KerasTensor(spec.shape, spec.dtype, name=name) for spec, name in pairs]
    shape = model._build_shape
    if isinstance(model, nn.Sequential):
        return list(model.inputs)  # type: ignore[arg-type]
    if not isinstance(shape, tuple) or not all(size is None or isinstance(size, int) for size in shape):
        raise ValueError(
            f"The inputs of model '{model.name}' are not known well enough: its first call had {shape}. Only "
            "functional models can be exported with several inputs: write it as `Model(inputs, outputs)`."
        )
    return [KerasTensor((None, *shape[1:]), model.input_dtype, name="inputs")]


def _as_torch(model: Any) -> nn.Module:
    """Returns the model in inference mode, as plain torch where that is possible: a copy, as the memory of some of our
    weights is not in the order that torch's modules have it in.
    """
    try:
        return to_torch(model, copy=True).eval()
    except NoCounterpartError:
        return _Direct(model).eval()


class _Direct(nn.Module):
    """The model itself: what is written to a file is torch's operators alone, whatever ran them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Runs the model on its inputs in a flat list."""
        graph = self.model._graph
        return self.model(inputs[0] if graph is None else tree.pack_sequence_as(graph.input_structure, list(inputs)))


def _examples(specs: list[KerasTensor], batch: int, unknown: int) -> tuple[torch.Tensor, ...]:
    """Returns inputs without meaning: numbers from -1 to 1, zeros for integers."""
    examples = []
    for spec in specs:
        shape = [batch if spec.shape[0] is None else spec.shape[0]] if spec.shape else []
        tensor = stand_ins.tensor([*shape, *spec.shape[1:]], spec.dtype, "cpu", unknown)
        if tensor.is_floating_point():
            tensor = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=tensor.dtype).reshape(tensor.shape)
        examples.append(tensor)
    return tuple(examples)


def _open_sizes(module: nn.Module, specs: list[KerasTensor]) -> tuple[Any, ...]:
    """Returns torch's name for a size that stays open, where one is not known."""
    dim: Any = torch.export.Dim
    sizes = tuple({axis: dim.AUTO for axis, size in enumerate(spec.shape) if size is None} for spec in specs)
    return (sizes,) if isinstance(module, _Direct) else sizes


#: How large sizes other than the batch are that are not known.
_UNKNOWN = (16, 18)


def _write_program(module: nn.Module, specs: list[KerasTensor], path: str, kwargs: dict[str, Any]) -> None:
    arguments = {"strict": False, "dynamic_shapes": _open_sizes(module, specs), **kwargs}
    device = _device_of(module)
    examples = tuple(x.to(device) for x in _examples(specs, _TRACED_BATCH, _UNKNOWN[0]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the lists that `nn.LSTM` keeps its weights in
            program = torch.export.export(module, examples, **arguments)
    except Exception as error:
        raise RuntimeError(f"The model could not be exported to torch's format: {error}") from error
    if "dynamic_shapes" not in kwargs:
        others = tuple(x.to(device) for x in _examples(specs, _TRIED_BATCH, _UNKNOWN[1]))
        with torch.no_grad():
            _compare(module(*others), program.module()(*others), "torch")
    with replacing(path) as temporary, open(temporary, "wb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No complete tensor found")  # a view of the whole is one
        torch.export.save(program, file)


def _write_onnx(
    module: nn.Module, specs: list[KerasTensor], path: str, output_names: list[str] | None, opset_version: int | None
) -> None:
    module = module.to("cpu")  # it is a copy
    names = [spec.name if spec.name.isidentifier() else f"input_{index}" for index, spec in enumerate(specs)]
    examples = _examples(specs, _TRACED_BATCH, _UNKNOWN[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, about its own parts
        try:
            program: Any = torch.onnx.export(
                module,
                examples,
                dynamo=True,
                dynamic_shapes=_open_sizes(module, specs),
                input_names=names,
                output_names=output_names,
                opset_version=opset_version,
                verbose=False,
            )
        except Exception as error:
            raise RuntimeError(f"The model could not be exported to ONNX: {error}") from error
    if sum(value.numel() * value.element_size() for value in module.state_dict().values()) > _LARGEST_ONNX:
        program.save(path, external_data=True)
        return
    with replacing(path) as temporary:
        program.save(temporary, external_data=False)


def _device_of(module: nn.Module) -> torch.device:
    return next((tensor.device for tensor in (*module.parameters(), *module.buffers())), torch.device("cpu"))


def _output_names(model: Any) -> list[str] | None:
    return None if model._graph is None else [str(name) for name in model._graph.output_names]


def _compare(expected: Any, found: Any, format: str) -> None:
    for one, other in zip(tree.flatten(expected), tree.flatten(found), strict=True):
        if one.shape != other.shape or not torch.allclose(one, other, 1e-3, 1e-4, equal_nan=True):
            raise RuntimeError(
                f"The exported program (format='{format}') does not compute what the model does on a batch of "
                f"{_TRIED_BATCH}. Give fixed shapes as `input_signature`."
            )
