"""Functions of TensorFlow in the graphs of tf.keras, as the operations that Keras 3 has for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: The classes of layers that stand for a function of TensorFlow.
CLASSES = frozenset(("SlicingOpLambda", "TFOpLambda", "TensorFlowOpLayer"))

Arguments = dict[str, Any]
_BINARY = {"x": "x1", "y": "x2"}
_UNARY = {"x": "x", "input": "x", "features": "x", "logits": "x", "a": "x", "tensor": "x"}
_REDUCTION = {"input_tensor": "x", "axis": "axis", "keepdims": "keepdims"}

#: The name of the function: Keras 3's operation, its parameters in TensorFlow's order, and what they are called today.
_OPERATIONS: dict[str, tuple[str, Arguments]] = {
    **{
        name: (operation, _BINARY)
        for names, operation in (
            (("__operators__.add", "math.add", "add"), "Add"),
            (("math.subtract", "subtract"), "Subtract"),
            (("math.multiply", "multiply"), "Multiply"),
            (("math.truediv", "math.divide", "truediv", "divide"), "TrueDivide"),
            (("math.floordiv",), "FloorDivide"),
            (("math.mod", "math.floormod"), "Mod"),
            (("math.pow", "pow"), "Power"),
            (("math.maximum", "maximum"), "Maximum"),
            (("math.minimum", "minimum"), "Minimum"),
            (("math.greater",), "Greater"),
            (("math.greater_equal",), "GreaterEqual"),
            (("math.less",), "Less"),
            (("math.less_equal",), "LessEqual"),
            (("math.equal", "__operators__.eq"), "Equal"),
            (("math.not_equal", "__operators__.ne"), "NotEqual"),
            (("math.logical_and",), "LogicalAnd"),
            (("math.logical_or",), "LogicalOr"),
        )
        for name in names
    },
    **{
        name: (operation, _UNARY)
        for names, operation in (
            (("math.negative", "negative"), "Negative"),
            (("math.abs", "abs"), "Absolute"),
            (("math.square", "square"), "Square"),
            (("math.sqrt", "sqrt"), "Sqrt"),
            (("math.rsqrt",), "Rsqrt"),
            (("math.exp", "exp"), "Exp"),
            (("math.log",), "Log"),
            (("math.log1p",), "Log1p"),
            (("math.sin",), "Sin"),
            (("math.cos",), "Cos"),
            (("math.tanh", "nn.tanh", "tanh"), "Tanh"),
            (("math.sigmoid", "nn.sigmoid", "sigmoid"), "Sigmoid"),
            (("math.softplus", "nn.softplus"), "Softplus"),
            (("nn.relu",), "Relu"),
            (("nn.relu6",), "Relu6"),
            (("nn.selu",), "Selu"),
            (("nn.elu",), "Elu"),
            (("nn.silu", "nn.swish"), "Silu"),
            (("math.sign",), "Sign"),
            (("math.floor",), "Floor"),
            (("math.ceil",), "Ceil"),
            (("math.round", "round"), "Round"),
            (("stop_gradient",), "StopGradient"),
            (("zeros_like", "zeros_like_v2"), "ZerosLike"),
            (("ones_like", "ones_like_v2"), "OnesLike"),
        )
        for name in names
    },
    "nn.softmax": ("Softmax", {"logits": "x", "axis": "axis"}),
    "nn.gelu": ("Gelu", {"features": "x", "approximate": "approximate"}),
    "nn.leaky_relu": ("LeakyRelu", {"features": "x", "alpha": "negative_slope"}),
    "math.reduce_mean": ("Mean", _REDUCTION),
    "math.reduce_sum": ("Sum", _REDUCTION),
    "math.reduce_max": ("Max", _REDUCTION),
    "math.reduce_min": ("Min", _REDUCTION),
    "math.reduce_prod": ("Prod", _REDUCTION),
    "math.argmax": ("Argmax", {"input": "x", "axis": "axis"}),
    "concat": ("Concatenate", {"values": "xs", "axis": "axis"}),
    "stack": ("Stack", {"values": "x", "axis": "axis"}),
    "reshape": ("Reshape", {"tensor": "x", "shape": "newshape"}),
    "transpose": ("Transpose", {"a": "x", "perm": "axes"}),
    "expand_dims": ("ExpandDims", {"input": "x", "axis": "axis"}),
    "squeeze": ("Squeeze", {"input": "x", "axis": "axis"}),
    "cast": ("Cast", {"x": "x", "dtype": "dtype"}),
    "clip_by_value": ("Clip", {"t": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "tile": ("Tile", {"input": "x", "multiples": "repeats"}),
    "repeat": ("Repeat", {"input": "x", "repeats": "repeats", "axis": "axis"}),
    "linalg.matmul": ("Matmul", {"a": "x1", "b": "x2"}),
    "where": ("Where", {"condition": "condition", "x": "x1", "y": "x2"}),
    "__operators__.getitem": ("GetItem", {"tensor": "x", "slice_spec": "key"}),
}
_SAME = {"compat.v1.transpose": "transpose", "compat.v1.squeeze": "squeeze", "nn.tanh_v2": "nn.tanh",
         "compat.v1.where": "where", "compat.v1.math.argmax": "math.argmax"}  # fmt: skip
#: Arguments that say nothing where they have this value, or that only name the result.
_SILENT = {"name": None, "conjugate": False, "transpose_a": False, "transpose_b": False, "adjoint_a": False,
           "adjoint_b": False, "a_is_sparse": False, "b_is_sparse": False, "output_type": None}  # fmt: skip
_FAMILIES = {"Rsqrt": "math", "Cast": "core", "StopGradient": "core"} | dict.fromkeys(
    ("Sigmoid", "Softplus", "Relu", "Relu6", "Selu", "Elu", "Silu", "Softmax", "Gelu", "LeakyRelu"), "nn"
)


def to_operation(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry of Keras 3's operation for a function of TensorFlow.

    Args:
        entry: The config of a `TFOpLambda` or `SlicingOpLambda` in a graph, its calls in the form of Keras 3.

    Raises:
        ValueError: If Keras 3 has none, or the function is called in a way that it does not know.
    """
    config = entry["config"] if isinstance(entry.get("config"), dict) else {}
    function = str(config.get("function", entry.get("class_name")))
    known = _OPERATIONS.get(_SAME.get(function, function))
    if known is None:
        raise ValueError(
            f"The file's layer '{entry.get('name')}' calls TensorFlow's function `tf.{function}`, which has no "
            "counterpart here. Save the model with a layer of your own, or a Lambda of a registered function, in its "
            "place, and pass it as `custom_objects`."
        )
    class_name, parameters = known
    nodes = [_call(node, function, parameters, entry) for node in entry["inbound_nodes"]]
    settings = _settings(class_name, nodes)
    return {
        "module": f"keras.src.ops.{_FAMILIES.get(class_name, 'numpy')}",
        "class_name": class_name,
        "config": {"name": entry.get("name"), **settings},
        "registered_name": class_name,
        "name": entry.get("name"),
        "inbound_nodes": [{"args": [node[key] for key in _CALLED_WITH if key in node], "kwargs": {}} for node in nodes],
    }


#: What Keras's operations take when they are called; in this order; the rest is said once, when they are made.
_CALLED_WITH = ("condition", "x", "x1", "x2", "xs", "key")


def _settings(class_name: str, nodes: list[Arguments]) -> Arguments:
    settings = {key: value for key, value in nodes[0].items() if key not in _CALLED_WITH} if nodes else {}
    for node in nodes:
        for key in [key for key in node if key not in _CALLED_WITH]:
            del node[key]
    return settings


def _call(node: Any, function: str, parameters: Arguments, entry: dict[str, Any]) -> Arguments:
    """Returns the arguments of a call by today's names."""
    given = {key: value for key, value in node["kwargs"].items() if key not in _SILENT or value != _SILENT[key]}
    given.pop("name", None)
    if given.get("output_type") == "int64":
        del given["output_type"]
    arguments = dict(zip(parameters, node["args"], strict=False)) | given
    unknown = sorted(set(arguments) - set(parameters))
    if unknown:
        raise ValueError(
            f"The file's layer '{entry.get('name')}' calls TensorFlow's function `tf.{function}` with {unknown}, which "
            f"is not supported. Supported: {sorted(parameters)}."
        )
    renamed = {parameters[key]: _value(parameters[key], value) for key, value in arguments.items()}
    return {key: value for key, value in renamed.items() if value is not None or key == "x"}


def _value(name: str, value: Any) -> Any:
    if name == "key":
        return _index(value)
    if name == "dtype" and isinstance(value, dict):  # a dtype that tf.keras has written as an object
        return value.get("config", {}).get("name", value.get("name"))
    return value


def _index(spec: Any) -> Any:
    convert: Callable[[Any], Any] = lambda item: (  # noqa: E731
        {"class_name": "__slice__", "config": {key: item.get(key) for key in ("start", "stop", "step")}}
        if isinstance(item, dict) and "start" in item
        else {"class_name": "__ellipsis__", "config": {}}
        if item == "..." or (isinstance(item, dict) and item.get("class_name") == "__ellipsis__")
        else item
    )
    if isinstance(spec, list):
        return {"class_name": "__tuple__", "config": {"value": [convert(item) for item in spec]}}
    return convert(spec)
