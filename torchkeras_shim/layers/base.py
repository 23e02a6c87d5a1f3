"""`Layer`: a `torch.nn.Module` that is built from the first input's shape and speaks Keras.

A call has two ways. The fast one is torch's own `__call__` after one test: a single plain tensor of the rank and type
that the layer has already accepted. Everything else (the first call, arrays, symbolic tensors, `training=`, masks,
wrong input) takes the general way.
"""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import regularizers
from torchkeras_shim.core import captured_config, dtype_policies, dtypes, naming, serialization, tree, turns
from torchkeras_shim.core.operation import Operation
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import arguments, call_spec, called, calling, casting, remat, stateless
from torchkeras_shim.layers.attributes import HasAttributes
from torchkeras_shim.layers.explaining import explain
from torchkeras_shim.layers.inference import infer_output, kept_spec, spec_as_said
from torchkeras_shim.layers.input_spec import DeclaredInput, assert_input_compatibility

LAYERS = Registry("layer", "keras.layers")

_Tensor = torch.Tensor
_module_call = torch.nn.Module.__call__
_flags = called.Flags
_open, _thread = turns.Open, called.thread


class Layer(HasAttributes):
    """The base of all layers: a `torch.nn.Module` with Keras's constructor arguments, lazy building and config.

    Subclasses create weights in `build(input_shape)` (or in `__init__`) and compute in `call(inputs)`, or in torch's
    `forward`; both are the same method.

    A fresh layer is in inference mode, because a bare Keras call is inference; only layers that augment images train
    in it. In a hand-written torch loop call `model.train()` first, or pass `training=True`; `fit` does so by itself.

    Args:
        activity_regularizer: A penalty on the output that training adds to the loss.
        trainable: Whether training changes the weights.
        dtype: The type of weights and computations, or a `DTypePolicy`.
        autocast: Whether inputs of floats are cast to the compute type.
        name: The name, unique by default.

    Raises:
        ValueError: If a keyword argument is not known.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> layer = Scale(name="scale")
        >>> layer(torch.ones(2, 3)).shape, [w.path for w in layer.weights]
        (torch.Size([2, 3]), ['scale/scale'])
    """

    #: The methods that subclasses change what a layer computes by; one of the library's that has them all is known.
    _computes_by: tuple[str, ...] = ("call", "forward")

    name: str
    built: bool
    autocast: bool
    supports_masking: bool
    input_spec: Any
    activity_regularizer: Any
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]
    _call_spec: call_spec.CallSpec
    _dtype_policy: dtype_policies.DTypePolicy
    _policy_map: dtype_policies.DTypePolicyMap | None
    _compute_dtype: torch.dtype
    _seen_ndim: int | tuple[int, ...]
    _seen_dtype: torch.dtype | tuple[torch.dtype, ...] | None
    _added_losses: list[torch.Tensor]
    _inbound_nodes: list[Any]
    _input_shape_argument: tuple[int | None, ...] | None
    _build_shape: Any
    _input_cast: torch.dtype | None
    #: Whether the class computes nothing itself, so that each member casts what it is given, by its own policy.
    _leaves_types_to_members = False
    _declared: DeclaredInput | None
    #: Whether layers inside are called one by one, each with its own weights, as a model calls its layers.
    _calls_members = False
    #: Keras's default of `training` in `call`, where ours is `None`: the mode of the module.
    _training_default: bool | None = None
    #: Whether a call that nobody gave a mode is one of training, as in Keras it is for layers that augment images.
    _trains_at_rest = False
    #: Whether inputs may be text, or rows of different lengths.
    _takes_text = False
    #: Whether parts of its inputs may be ragged, such as bounding boxes.
    _takes_ragged = False
    #: Whether inputs may be torch's sparse tensors; others get sparse ones with all of their values.
    _takes_sparse = False
    #: What stands for the values that a sparse input does not have.
    _absent: int = 0
    #: Whether each sample is treated by itself, so that several batches can go through as one.
    _treats_samples_alone = False
    #: Whether `mask` belongs to the first argument of `call` even if others are tensors, such as an RNN's states.
    _mask_is_of_first = False

    #: Whether outputs have the shape and type of inputs of the compute type, which are all alike if there are several:
    #: nothing need be run to know them. It holds for the class that says so, and not for subclasses of users.
    _keeps_shape = False
    #: Whether torch can run `call` on its meta device without its compiler, which takes it a second to import.
    _light_on_meta = False
    #: The attributes whose numbers say how much larger than the input the result is: shapes of huge ones are inferred
    #: without any memory.
    _grows_by: tuple[str, ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        instance.__dict__["_arguments"] = (args, kwargs)  # for the config of classes that write none
        return instance

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "call" in own and "forward" not in own:
            cls.forward = call_spec.as_forward(own["call"])  # type: ignore[method-assign]
        elif "forward" in own and "call" not in own:
            cls.call = own["forward"]  # type: ignore[method-assign]
        if "build" in own:
            cls.build = calling.tracking_build(own["build"])  # type: ignore[method-assign]
        cls._call_spec = call_spec.CallSpec(cls.call, cls)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        shape = arguments.pop_input_shape(kwargs)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"Argument `name` must be a string. Received: name={name}")
        policy = arguments.known(self, "dtype", dtype_policies, dtype)
        state = self.__dict__
        state["training"] = type(self)._trains_at_rest
        state["name"] = name if name is not None else naming.auto_name(type(self).__name__)
        state["built"] = False
        state["autocast"] = bool(autocast)
        declared = getattr(type(self), "supports_masking", None)  # by a class of a user's
        by_method = not getattr(type(self).compute_mask, "_is_default", False)
        state["supports_masking"] = by_method if declared is None else declared
        state["input_spec"] = None
        state["activity_regularizer"] = arguments.known(
            self, "activity_regularizer", regularizers, activity_regularizer
        )
        if not isinstance(trainable, bool):
            raise ValueError(
                f"Expected `trainable` to be a boolean. Received: trainable={trainable!r} (of type {type(trainable)})"
            )
        state["_trainable"] = trainable
        state["_seen_ndim"] = -1  # the rank and type that the fast way accepts, or those of a list; none yet
        state["_seen_dtype"] = None
        state["_added_losses"] = []
        state["_inbound_nodes"] = []
        state["_input_shape_argument"] = shape
        state["_build_shape"] = None
        state["_input_cast"] = None
        state["_declared"] = None
        state["_tracked_names"] = set()
        remat.note_scope(self)
        self._adopt_policy(policy)

    # Calling --------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the layer on tensors, arrays or symbolic tensors.

        Args:
            *args: The inputs.
            **kwargs: Further arguments of `call`; `training=True` or `False` holds for this call and everything in it.
        """
        if _open.training and not _thread.depth and (turn := turns.visit(self)) is not None:
            with turn:
                return self(*args, **kwargs)
        if len(args) == 1 and not kwargs:
            x = args[0]
            if (
                type(x) is _Tensor
                and x.ndim == self._seen_ndim
                and x.dtype is self._seen_dtype
                and not (_flags.masks and hasattr(x, "_keras_mask"))
            ):
                try:
                    return _module_call(self, x)
                except (RuntimeError, IndexError) as error:
                    explain(self, args, error)
                    raise
            if type(x) is list and not _flags.masks and calling.is_usual(self, x):
                try:
                    return _module_call(self, x)
                except (RuntimeError, IndexError) as error:
                    explain(self, args, error)
                    raise
        return calling.call_layer(self, args, kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the symbolic outputs of a call on symbolic tensors, and records it."""
        return self(*args, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of a shape. The default has none to create."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs. Subclasses override this, or `forward`."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented. "
            "Write `def call(self, inputs): ...`, or torch's `forward`."
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs `call`; the name that torch gives it."""
        return self.call(*args, **kwargs)

    def compute_output_shape(self, *input_shapes: Any) -> Any:
        """Returns the output shape for input shapes, found on the meta device."""
        return tree.map_structure(lambda spec: spec.shape, self.compute_output_spec(*map(self._as_spec, input_shapes)))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s for `KerasTensor` inputs; builds the layer, computes nothing."""
        calling.build_for(self, args, kwargs)
        spec = None if kwargs or not self._keeps_shape else kept_spec(self, *args)
        if spec is None and type(self).compute_output_shape is not Layer.compute_output_shape:
            return spec_as_said(self, args, kwargs)
        return infer_output(self, *args, **kwargs) if spec is None else spec

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Returns the mask of the outputs; by default the mask of the inputs."""
        return previous_mask

    def _unpacked(self, outputs: Any) -> Any:
        """Returns symbolic outputs in the structure that a call on data returns."""
        return outputs

    def _check_inputs(self, inputs: Any) -> None:
        """Raises a ValueError if inputs do not fit the `input_spec`."""
        assert_input_compatibility(self.input_spec, inputs, self)

    def _as_spec(self, shape: Any) -> Any:
        if shape and isinstance(shape, (list, tuple)) and isinstance(shape[0], (list, tuple)):
            return type(shape)(self._as_spec(item) for item in shape)
        if isinstance(shape, dict):
            return {key: self._as_spec(item) for key, item in shape.items()}
        return KerasTensor(shape, self.compute_dtype)

    stateless_call = stateless.stateless_call

    # Losses ---------------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar, or several, to what training minimises. Call it inside `call`."""
        self._added_losses.extend(torch.as_tensor(value) for value in tree.flatten(loss) if value is not None)
        calling.note_adder(self)

    @property
    def losses(self) -> list[torch.Tensor]:
        """What `add_loss`, activity regularizers and weight regularizers add to the loss, as of the last call."""
        losses: list[torch.Tensor] = []
        for module in self.modules():
            losses.extend(getattr(module, "_added_losses", ()))
        for weight in self.trainable_weights:
            regularizer = getattr(weight, "_regularizer", None)
            if regularizer is not None:
                losses.append(regularizer(weight))
        return losses

    # Attributes -----------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The type of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The type that inputs are cast to."""
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The type that inputs are cast to."""
        return self.compute_dtype

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """The types of weights and computations."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._adopt_policy(dtype_policies.get(value))
        self.__dict__["_seen_ndim"] = -1

    def _adopt_policy(self, policy: dtype_policies.DTypePolicy) -> None:
        members = type(self)._leaves_types_to_members
        self.__dict__["_policy_map"] = None
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            self.__dict__["_policy_map"] = policy  # until the layer's path is known
            policy = policy.default_policy
        self.__dict__["_dtype_policy"] = policy
        self.__dict__["_compute_dtype"] = dtypes.to_torch_dtype(
            policy.variable_dtype if members else policy.compute_dtype
        )
        if not members:
            casting.arm(self)
        remat.arm(self)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Moves or casts the layer; what `double`, `half` or `to` make of its weights is what it computes in."""
        result = super()._apply(fn, recurse)
        dtype = None if self._policy_map is not None else casting.changed_dtype(self._dtype_policy, fn)
        if dtype is not None:
            self._follow_weights(dtype)
        return result

    def _follow_weights(self, dtype: str) -> None:
        """Computes in another type from now on, which the weights have got."""
        self.dtype_policy = dtype
        if self._input_cast is not None and self._input_cast.is_floating_point:
            self.__dict__["_input_cast"] = dtypes.to_torch_dtype(dtype)

    def look_up_policy(self) -> None:
        """Takes the policy of the layer's path, where it was given a map of policies. Its name scope must be open."""
        if self._policy_map is not None:
            self._adopt_policy(self._policy_map[naming.scoped("weight").rpartition("/")[0]])

    @property
    def path(self) -> str:
        """The layer's place: the open name scopes and its name."""
        return naming.scoped(self.name)

    @property
    def metrics(self) -> list[Any]:
        """The metrics that the layer and its layers hold as attributes, in lists and dicts too."""
        found = {
            id(value): value
            for module in self.modules()
            for value in module.__dict__.values()
            if hasattr(value, "update_state")
        }
        return list(found.values())

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of the metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def quantization_mode(self) -> None:
        """How the layer is quantized: not at all, which is `None`."""
        return self._dtype_policy.quantization_mode

    def quantize(self, mode: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Refuses to quantize the layer: there are no quantized layers here.

        Args:
            mode: One of Keras's modes.
            *args: Keras's further arguments.
            **kwargs: Keras's further arguments.

        Raises:
            NotImplementedError: For a mode of Keras's.
            ValueError: For any other one.
        """
        arguments.refuse_quantizing(type(self).__name__, mode)

    @property
    def input(self) -> Any:
        """The symbolic input of the first symbolic call."""
        return self._symbolic("input")

    @property
    def output(self) -> Any:
        """The symbolic output of the first symbolic call."""
        return self._symbolic("output")

    def _symbolic(self, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        node = self._inbound_nodes[0]
        tensors = node.outputs if what == "output" else node.input_tensors
        return tensors[0] if len(tensors) == 1 else list(tensors)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # Config ---------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values.

        Raises:
            NotImplementedError: If a subclass whose constructor has arguments cannot be written down.
        """
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialization.serialize_keras_object(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).__init__ is Layer.__init__ or not getattr(type(self).get_config, "_captures", False):
            return config
        return {**config, **captured_config.arguments_of(self, without=("name", "trainable", "dtype"))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`."""
        config = captured_config.restored(cls, config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.get(config["dtype"])
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                f"Exception encountered: {error}"
            ) from error

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the shape that the layer was built for, or `None`."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer for the shape of `get_build_config()`."""
        shape = (config or {}).get("input_shape")
        if shape is not None and not self.built:
            is_one = not isinstance(shape, dict) and not any(isinstance(size, (list, tuple, dict)) for size in shape)
            with naming.layer_scope(self.name):
                self.build(tuple(shape) if is_one else shape)


Operation.register(Layer)
Layer._call_spec = call_spec.CallSpec(Layer.call)
Layer.compute_mask._is_default = True  # type: ignore[attr-defined]
Layer.get_config._captures = True  # type: ignore[attr-defined]
__all__ = ["LAYERS", "Layer", "assert_input_compatibility"]
