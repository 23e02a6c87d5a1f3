"""`Model`: a layer that can be compiled, fitted, evaluated, asked for predictions and summarised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim import export, saving, summary
from torchkeras_shim.core import device as devices
from torchkeras_shim.core import turns
from torchkeras_shim.core.captured_config import can_be_pickled
from torchkeras_shim.core.modules import tensors_in
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import called, calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.explaining import explain
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.models import build_shapes, functional_config, members
from torchkeras_shim.models.graph import Graph, graph_arguments, graph_is_given, takes_graph
from torchkeras_shim.models.trainable import Trainable
from torchkeras_shim.saving import legacy_config
from torchkeras_shim.training.trainer import Trainer

#: What the config of a functional model says of its graph.
_GRAPH_KEYS = ("layers", "input_layers", "output_layers")
_Tensor = torch.Tensor
_module_call = torch.nn.Module.__call__
_flags = called.Flags
_open, _thread = turns.Open, called.thread


@LAYERS.register()
class Model(Trainable):
    """A `torch.nn.Module` with Keras's training loop.

    Subclass it with layers and modules as attributes and a `call(self, inputs)` (or torch's `forward`). The weights are
    built at the first batch.

    Example:
        >>> from torchkeras_shim import layers
        >>> class Net(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = layers.Dense(8, activation="relu")
        ...         self.out = torch.nn.Linear(8, 1)
        ...     def call(self, inputs):
        ...         return self.out(self.hidden(inputs))
        >>> model = Net()
        >>> model.compile(optimizer="adam", loss="mse")
        >>> history = model.fit(torch.ones(4, 3), torch.ones(4, 1), verbose=0)
        >>> list(history.history)
        ['loss']
    """

    _calls_members = True
    _reserved_layers = "`Model.layers` attribute is reserved and should not be used. Please use another name."
    _takes_sparse = True  # for a `Dense` inside of it

    _trainer: Trainer
    _placed: bool
    _seen_device: torch.device | None
    _seen_tail: tuple[int, ...] | None
    _adders_seen: int
    _graph: Graph | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if graph_is_given(args, kwargs):
            return super().__new__(LAYERS.lookup("Functional") if cls is Model else cls)  # `Model(inputs, outputs)`
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        graph = None
        if graph_is_given(args, kwargs):
            inputs, outputs, kwargs = graph_arguments(*args, **kwargs)
            graph = Graph(inputs, outputs)
        elif args:
            raise TypeError(f"{type(self).__name__}.__init__ takes no positional arguments. Received: {args}")
        super().__init__(**kwargs)
        self.__dict__["_trainer"] = Trainer(self)
        self.__dict__["_placed"] = False  # whether somebody moved the model by `.to()` or the like
        self.__dict__["_seen_device"] = self.__dict__["_seen_tail"] = None
        self.__dict__["_graph"] = None
        if graph is not None:
            self._adopt_graph(graph)
        self.__dict__["_adders_seen"] = -1  # for how many loss-adding layers this model is known to hold none of them

    def __getstate__(self) -> dict[str, Any]:
        """Leaves arguments of the constructor that cannot be pickled out of copies: the config alone needs them."""
        known = can_be_pickled(self._arguments) if self._arguments is not None else True
        return self.__dict__ if known else {**self.__dict__, "_arguments": None}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the model. Inputs are moved to its device; arrays become tensors."""
        if _open.training and not _thread.depth and (turn := turns.visit(self)) is not None:
            with turn:
                return self(*args, **kwargs)
        if len(args) == 1 and not kwargs and self._adders_seen == _flags.adders:
            x = args[0]
            if (
                type(x) is _Tensor
                and x.ndim == self._seen_ndim
                and x.dtype is self._seen_dtype
                and x.device == self._seen_device
                and (self._seen_tail is None or x.shape[1:] == self._seen_tail)
                and not (_flags.masks and hasattr(x, "_keras_mask"))
            ):
                try:
                    return _module_call(self, x)
                except (RuntimeError, IndexError) as error:
                    explain(self, args, error)
                    raise
        if args and type(args[0]) is not _Tensor:
            args = (self._standardized(args[0]), *args[1:])
        outputs = calling.call_layer(self, args, kwargs)
        if args and type(args[0]) is _Tensor:
            self.__dict__["_seen_device"] = args[0].device
            self.__dict__["_seen_tail"] = None if self.input_spec is None else args[0].shape[1:]
        self._note_shapes(args)
        # A model whose layers add losses always comes this way: the losses of the call before are cleared here.
        self.__dict__["_adders_seen"] = -1 if calling.adders_in(self) else _flags.adders
        return outputs

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs: the graph of a functional model does; other classes override this, or `forward`."""
        return super().call(*args, **kwargs) if self._graph is None else self._graph(*args)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs `call`, or the graph of a functional model."""
        return self.call(*args, **kwargs) if self._graph is None else self._graph(*args)

    forward.runs_graph = True  # type: ignore[attr-defined]

    def _standardized(self, inputs: Any) -> Any:
        """Returns given inputs in the structure that `call` takes."""
        return inputs

    def _check_inputs(self, inputs: Any) -> None:
        super()._check_inputs(inputs if self._graph is None else self._graph.flatten_inputs(inputs))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s; builds the model, computes nothing.

        A functional model keeps a list of one output, which a call on data returns as that output alone.
        """
        graph = self._run_graph
        if graph is None:
            return super().compute_output_spec(*args, **kwargs)
        if len(args) == 1 and not kwargs and graph.declares(args[0]):
            return graph.new_outputs()
        return graph.packed(super().compute_output_spec(*args, **kwargs))

    def _unpacked(self, outputs: Any) -> Any:
        """Returns symbolic outputs in the structure that a call on data returns."""
        graph = self._run_graph
        return outputs if graph is None else graph.unpacked(outputs)

    @property
    def _run_graph(self) -> Graph | None:
        """The graph of a functional model, unless a subclass of one, or it alone, has a `call` of its own."""
        return self._graph if getattr(self.forward, "runs_graph", False) else None

    # Graph ----------------------------------------------------------------------------------------------------------

    def _adopt_graph(self, graph: Graph) -> None:
        """Takes over a graph: its layers become children under their places in `layers`."""
        self.__dict__["_graph"] = graph
        for index, layer in enumerate(graph.layers):
            turns.adopt(layer, self.training)
            self._modules[str(index)] = layer
        self.__dict__["input_spec"] = graph.input_specs()
        self.__dict__["built"] = True
        if not self.trainable:
            self.trainable = False
        StructureVersion.bump()

    def set_outputs(self, outputs: Any) -> None:
        """Has a functional model return other tensors of the same inputs, before it is compiled.

        Args:
            outputs: A `KerasTensor`, or a structure of them.
        """
        graph = Graph(self._known_graph("outputs").input_structure, outputs)
        self._modules.clear()
        self._adopt_graph(graph)

    def _known_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"Model '{self.name}' has no symbolic {what}: it is not a functional model. Functional models are "
                "written as `Model(inputs, outputs)`."
            )
        return self._graph

    def _declared_input(self) -> Any:
        """The one symbolic input that a stack with this model in the first place takes; `None` if there is not one."""
        inputs = self._graph.inputs if self._graph is not None else []
        return inputs[0] if len(inputs) == 1 else None

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs of a functional model, in a flat list."""
        return self._known_graph("inputs").inputs

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs of a functional model, in a flat list."""
        return self._known_graph("outputs").outputs

    @property
    def input(self) -> Any:
        """The symbolic input of a functional model, in its structure; of others, that of the first symbolic call."""
        return super().input if self._graph is None else self._graph.input_structure

    @property
    def output(self) -> Any:
        """The symbolic output of a functional model, in its structure; of others, that of the first symbolic call."""
        return super().output if self._graph is None else self._graph.output_structure

    @property
    def input_shape(self) -> Any:
        """The shape of the input, the batch included; a list if there are several."""
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output, the batch included; a list if there are several."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def input_names(self) -> list[str]:
        """The names of a functional model's inputs."""
        return self._known_graph("input names").input_names

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs, where the model has any of its own."""
        return None if self._graph is None else self._graph.output_names

    @property
    def operations(self) -> list[Any]:
        """The layers and functions of a functional model, in the order of `layers`."""
        return self._known_graph("operations").operations

    # Attributes -----------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[torch.nn.Module]:
        """The layers and modules directly inside, in the order of their creation."""
        return [module for _, module in self.named_layers()]

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(self._reserved_layers)

    def named_layers(self) -> list[tuple[str, torch.nn.Module]]:
        """Returns the layers and modules directly inside with their names, those in lists and dicts too."""
        return members.named(self)

    def get_layer(self, name: str | None = None, index: int | None = None) -> torch.nn.Module:
        """Returns a layer by its name or its place.

        Args:
            name: The name.
            index: The place in `model.layers`.

        Raises:
            ValueError: If there is no such layer, or neither or both arguments are given.
        """
        return members.found(self.named_layers(), name, index)

    # Placement ------------------------------------------------------------------------------------------------------

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        result = super()._apply(fn, recurse)
        self.__dict__["_placed"] = True
        self.__dict__["_seen_device"] = None
        return result

    def _follow_weights(self, dtype: str) -> None:
        super()._follow_weights(dtype)
        if self._graph is not None:
            self._graph.follow_weights(dtype)

    def _place(self) -> None:
        """Moves raw torch modules to where the Keras weights are, or to the default device, unless a user moved it."""
        if self._placed:
            return
        home = next((p.device for p in self.parameters() if isinstance(p, Variable)), None) or devices.default_device()
        if any(tensor.device != home for tensor in tensors_in(self)):
            self.to(home)
            self.__dict__["_placed"] = False  # by us, not by the user

    # Summary --------------------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list[str] | tuple[str, str] | None = None,
    ) -> None:
        """Prints a table of the layers, their output shapes and parameters.

        Args:
            line_length: The width of the table in characters.
            positions: Where the columns end, as shares of the width or in characters.
            print_fn: What prints it; `print` by default.
            expand_nested: Whether to show the layers of nested models.
            show_trainable: Whether to show which layers are trainable.
            layer_range: Names, or regular expressions, of the first and the last layer to show.
        """
        summary.print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        """Returns the summary as HTML, which a notebook shows for a model."""
        return summary.render_html(summary.summarize(self))

    # Config ---------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the graph of a functional model, or the constructor's arguments of any other.

        Raises:
            NotImplementedError: If a member of the graph, or an argument, has no config.
        """
        if self._graph is None or not takes_graph(type(self)):
            return super().get_config()
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        return {**config, **functional_config.graph_to_config(self._graph)}

    get_config._captures = True  # type: ignore[attr-defined]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds a model from `get_config()`, or a config of Keras 1 or 2; the weights are new."""
        if not set(_GRAPH_KEYS) <= set(config) or not takes_graph(cls):
            return super().from_config(config)
        config = legacy_config.modernize_model(config, "Functional")
        inputs, outputs = functional_config.graph_from_config(config, custom_objects)
        rest = {key: config[key] for key in ("name", "trainable") if config.get(key) is not None}
        if cls.__init__ is not Model.__init__:  # its own arguments, which its `get_config` has added
            rest = {**{key: value for key, value in config.items() if key not in _GRAPH_KEYS}, **rest}
        return cls(inputs=inputs, outputs=outputs, **rest)

    _note_shapes = build_shapes.note

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the shapes that the model was built for, and which of its inputs are text."""
        config, types = super().get_build_config(), self.__dict__.get("_build_types")
        return config if config is None or types is None else {**config, "input_types": types}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the model for the shapes of `get_build_config()`: by its `build`, or by a call without data."""
        if type(self).build is not Layer.build:
            super().build_from_config(config)
        else:
            build_shapes.build_again(self, config or {})

    def to_json(self, **kwargs: Any) -> str:
        """Returns the architecture as JSON, for `keras.models.model_from_json`.

        Args:
            **kwargs: Arguments of `json.dumps`.
        """
        return saving.model_to_json(self, **kwargs)

    # Files ----------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Writes the whole model to a file that `keras.saving.load_model`, here or in Keras, reads.

        Args:
            filepath: The file to write; must end in `.keras`, or in `.h5` for Keras's older format.
            overwrite: Whether to replace an existing file without asking.
            zipped: `False` writes a folder instead of one file.
            **kwargs: `include_optimizer` for `.h5` files.
        """
        saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Writes all weights to a file, which Keras reads too.

        Args:
            filepath: The file to write; must end in `.weights.h5`, `.safetensors`, or `.h5` for Keras's older format.
            overwrite: Whether to replace an existing file without asking.
            max_shard_size: The size in GB of one file of several, of which `filepath` names the index, `.weights.json`.
        """
        saving.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Reads weights that `save_weights` or `save`, or Keras, wrote. Either all of them are loaded or none.

        Args:
            filepath: A `.weights.h5`, `.weights.json`, `.keras`, `.h5` or `.safetensors` file.
            skip_mismatch: Whether to leave out layers that do not fit, with a warning, instead of raising.
            **kwargs: `by_name` for `.h5` files: find layers by name rather than by order; `objects_to_skip`.
        """
        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_torch(self, copy: bool = False) -> torch.nn.Module:
        """Returns the same network in plain torch modules, with nothing of this library in it.

        Args:
            copy: Whether the weights get memory of their own. Otherwise training one trains the other.
        """
        return export.to_torch(self, copy)

    def to_torch_source(
        self,
        path: Any = None,
        training_loop: bool = True,
        *,
        weights: Any = None,
        channels_first: bool = False,
        callbacks: Sequence[Any] = (),
    ) -> str:
        """Returns the same network as PyTorch source code, which needs torch alone.

        Args:
            path: Where to write it, if anywhere.
            training_loop: Whether to write, for a compiled model, its optimizer, loss and metrics, and a loop that
                trains as `fit` does.
            weights: Where to write the weights, under the names of the written modules: a file for `torch.load`, or
                for `safetensors` if it ends so.
            channels_first: Whether the written network takes and returns images with channels first.
            callbacks: `EarlyStopping`, `ReduceLROnPlateau` and `ModelCheckpoint` to be written into the loop.
        """
        told = self._trainer.binding.told if self.compiled else None
        return export.to_torch_source(
            self, path, training_loop, weights=weights, channels_first=channels_first, callbacks=callbacks, told=told
        )

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Writes the model, for inference, to a file that other programs run without this library.

        Args:
            filepath: The file to write; it must end in `.pt2` for `"torch"`.
            format: `"torch"` (`torch.export.load` reads it) or `"onnx"`.
            verbose: Whether to print a message at the end; `None` means yes.
            input_signature: Shapes and types of the inputs, where they are not to be the model's.
            **kwargs: For `"torch"` the arguments of `torch.export.export`; for `"onnx"` `opset_version`.
        """
        export.export_model(self, filepath, format, verbose, input_signature, **kwargs)
