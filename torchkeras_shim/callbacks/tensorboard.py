"""Event files for TensorBoard."""

from __future__ import annotations

import os
import sys
import time
import types
import warnings
from typing import Any

import numpy as np
import torch

from torchkeras_shim.callbacks.callback import Callback, Logs, is_default
from torchkeras_shim.core.sharded import whole


class TensorBoard(Callback):
    """Writes what TensorBoard shows: scalars, histograms and images of weights, the model's graph, profiles.

    Needs the package tensorboard (`pip install torchkeras_shim[tensorboard]`), not TensorFlow. Look at the result with
    `tensorboard --logdir=logs`.

    Args:
        log_dir: The folder for the files; training goes to `train` in it, validation to `validation`.
        histogram_freq: After how many epochs to write histograms of the weights again; 0 for never.
        write_graph: Whether to write the model's structure.
        write_images: Whether to write the weights as images too, as often as histograms.
        write_steps_per_second: Whether to write the number of batches per second.
        update_freq: `"epoch"`, `"batch"`, or a number of batches: how often to write losses and metrics.
        profile_batch: A batch, or a pair of first and last batch, to profile; 0 for none. Batches count from 1.
        embeddings_freq: After how many epochs to write the vectors of embedding layers again; 0 for never.
        embeddings_metadata: A file with the names of an embedding's rows, one per line, or a dict of such files by
            layer.

    Raises:
        ValueError: If a `profile_batch` or `update_freq` is not understood.

    Example:
        >>> TensorBoard("logs", update_freq="batch").update_freq
        1
    """

    only_in_first_process = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (not isinstance(self.update_freq, int) or self.update_freq < 1):
            raise ValueError(f"`update_freq` must be 'epoch', 'batch' or a number. Received: update_freq={update_freq}")
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._start_batch, self._stop_batch = _profiled_batches(profile_batch)
        self._profiler: Any = None
        self._is_training = False
        self._writers: dict[str, Any] = {}
        self._global_train_batch = 0
        self._batch_start_time = self._epoch_start_time = 0.0
        self._iterations_before = 0

    def _uses_hook(self, hook: str) -> bool:
        if getattr(type(self), hook) is not getattr(TensorBoard, hook, None):
            return not is_default(self, hook)
        if hook.startswith("on_train_batch"):
            return self.update_freq != "epoch" or self._stop_batch > 0
        return not is_default(self, hook)

    def set_model(self, model: Any) -> None:
        """Takes the model and starts new files."""
        super().set_model(model)
        self._close()

    # Writers --------------------------------------------------------------------------------------------------------

    def _writer(self, name: str) -> Any:
        """Returns the writer of a folder, made when it is first needed."""
        if name not in self._writers:
            self._writers[name] = _summary_writer(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _scalar(self, writer: str, name: str, value: Any, step: int) -> None:
        if isinstance(value, (int, float, np.generic)) or np.ndim(value) == 0:
            self._writer(writer).add_scalar(name, float(value), step, new_style=True)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    # Training -------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        """Starts counting batches, and writes the graph."""
        self._global_train_batch = 0
        self._is_training = True
        if self.embeddings_freq:
            self._check_embeddings()
        if self.write_graph:
            self._write_graph()

    def on_train_end(self, logs: Logs = None) -> None:
        """Finishes the files."""
        self._on_failure()

    def _on_failure(self) -> None:
        self._is_training = False
        try:
            self._stop_profiler()
        finally:
            self._close()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Starts the clock, and the profiler if it is time to."""
        self._global_train_batch += 1
        self._batch_start_time = time.perf_counter()
        if self._stop_batch and self._global_train_batch == self._start_batch:
            self._start_profiler()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Writes the batch's results if it is time to."""
        step = self._global_train_batch
        if self.update_freq != "epoch" and step % int(self.update_freq) == 0:
            if self.write_steps_per_second:
                seconds = time.perf_counter() - self._batch_start_time
                self._scalar("train", "batch_steps_per_second", 1.0 / max(seconds, 1e-9), step)
            for name, value in (logs or {}).items():
                self._scalar("train", f"batch_{name}", value, step)
        if self._profiler is not None and step >= self._stop_batch:
            self._stop_profiler()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Starts the epoch's clock."""
        if self.write_steps_per_second:
            self._iterations_before = int(self.model.optimizer.iterations)
            self._epoch_start_time = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Writes the epoch's results, and weights if it is time to."""
        results = dict(logs or {})
        if results:
            results.update(self._learning_rates())
            if self.write_steps_per_second:
                done = int(self.model.optimizer.iterations) - self._iterations_before
                results["steps_per_second"] = done / (time.perf_counter() - self._epoch_start_time)
        for name, value in results.items():
            if name.startswith("val_"):
                self._scalar("validation", f"epoch_{name[4:]}", value, epoch)
            else:
                self._scalar("train", f"epoch_{name}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs = None) -> None:
        """Writes the results of an evaluation over the optimizer's steps."""
        optimizer = self.model.optimizer
        if optimizer is not None:
            step = int(optimizer.iterations)
            for name, value in (logs or {}).items():
                self._scalar("validation", f"evaluation_{name}_vs_iterations", value, step)
            if "validation" in self._writers:
                self._writers["validation"].flush()
        if not self._is_training:
            self._close()

    def _learning_rates(self) -> dict[str, float]:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if hasattr(optimizer, "optimizers"):
            return {f"learning_rate_{one.name}": float(one.learning_rate) for one in optimizer.optimizers}
        return {"learning_rate": float(optimizer.learning_rate)} if hasattr(optimizer, "learning_rate") else {}

    # The model ------------------------------------------------------------------------------------------------------

    def _write_graph(self) -> None:
        """Writes the model's config, which TensorBoard's graph page draws."""
        try:
            text = self.model.to_json()
        except (NotImplementedError, ValueError, TypeError) as error:
            warnings.warn(f"Model failed to serialize as JSON. Ignoring... {error}", stacklevel=2)
            return
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=TensorShapeProto())
        value = Summary.Value(tag="keras", tensor=tensor, metadata=SummaryMetadata(plugin_data=plugin))
        self._writer("train")._get_file_writer().add_summary(Summary(value=[value]), 0)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer_name, layer in self.model.named_layers():
            keys = {id(tensor): key for key, tensor in (*layer.named_parameters(), *layer.named_buffers())}
            for weight in getattr(layer, "weights", None) or list(layer.parameters()):
                path = getattr(weight, "path", None)
                name = path if isinstance(path, str) else f"{layer_name}/{keys[id(weight)]}"
                values = whole(weight).detach().float().cpu()
                finite = values[values.isfinite()]
                if finite.numel():  # a weight that is lost must not end the training that shows it
                    writer.add_histogram(f"{name}/histogram", finite, epoch)
                if self.write_images:
                    image = as_images(values)
                    if image is not None:
                        writer.add_images(f"{name}/image", image, epoch, dataformats="NHWC")

    # Embeddings -----------------------------------------------------------------------------------------------------

    def _embeddings(self) -> dict[str, torch.Tensor]:
        found = {}
        for name, layer in self.model.named_layers():
            table = layer.weight if isinstance(layer, torch.nn.Embedding) else getattr(layer, "embeddings", None)
            if isinstance(table, torch.Tensor):
                found[name] = table
        return found

    def _check_embeddings(self) -> None:
        if isinstance(self.embeddings_metadata, dict):
            unknown = [name for name in self.embeddings_metadata if name not in self._embeddings()]
            if unknown:
                raise ValueError(
                    "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` "
                    f"`embeddings_metadata` argument: {unknown}"
                )

    def _labels(self, path: Any) -> list[str] | None:
        """Returns the names of an embedding's rows; a path may be relative to the folder of the logs, as in Keras."""
        if path is None:
            return None
        found = next((one for one in (path, os.path.join(self.log_dir, path)) if os.path.isfile(one)), None)
        if found is None:
            warnings.warn(
                f"`embeddings_metadata` names the file '{path}', which is neither here nor in '{self.log_dir}': the "
                "embedding is written without names.",
                stacklevel=2,
            )
            return None
        with open(found, encoding="utf-8") as file:
            return file.read().splitlines()

    def _write_embeddings(self, epoch: int) -> None:
        for name, table in self._embeddings().items():
            path = self.embeddings_metadata
            labels = self._labels(path.get(name) if isinstance(path, dict) else path)
            tag = name.replace("/", "_").replace("..", "_")  # a tag becomes a folder
            self._writer("train").add_embedding(
                table.detach().float().cpu(), metadata=labels, tag=tag, global_step=epoch
            )

    # Profiler -------------------------------------------------------------------------------------------------------

    def _start_profiler(self) -> None:
        folder = os.path.join(self.log_dir, "train", "plugins", "profile")
        os.makedirs(folder, exist_ok=True)
        self._profiler = torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(folder))
        self._profiler.start()

    def _stop_profiler(self) -> None:
        if self._profiler is not None:
            profiler, self._profiler = self._profiler, None
            profiler.stop()


def as_images(weight: torch.Tensor) -> torch.Tensor | None:
    """Returns a weight as images of (count, height, width, channels), as Keras lays it out; `None` for other shapes.

    Example:
        >>> as_images(torch.zeros(3, 5, 1)).shape
        torch.Size([1, 3, 5, 1])
    """
    squeezed = weight.squeeze()
    if squeezed.ndim == 1:
        image = squeezed.reshape(1, -1, 1, 1)
    elif squeezed.ndim == 2:
        image = squeezed.T if squeezed.shape[0] > squeezed.shape[1] else squeezed
        image = image.reshape(1, *image.shape, 1)
    elif squeezed.ndim == 3:
        image = squeezed.permute(2, 0, 1).unsqueeze(-1)
    else:
        image = squeezed
    if image.ndim != 4 or image.shape[-1] not in (1, 3, 4):
        return None
    return image


def _profiled_batches(given: Any) -> tuple[int, int]:
    batches = given
    if isinstance(batches, str):
        batches = [int(part) for part in batches.split(",")]
        batches = batches[0] if len(batches) == 1 else batches
    if isinstance(batches, int):
        batches = (batches, batches)
    if not isinstance(batches, (tuple, list)) or len(batches) != 2 or batches[0] < 0 or batches[1] < batches[0]:
        raise ValueError(
            "profile_batch must be a non-negative integer or 2-tuple of positive integers. A pair of positive integers "
            f"signifies a range of batches to profile. Found: {given}"
        )
    return batches[0], batches[1]


def _summary_writer(folder: str) -> Any:
    if "tensorflow" not in sys.modules:
        # The package would import TensorFlow wherever it is installed, for nothing: what it has of its own will do.
        sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "The callback TensorBoard needs the package tensorboard: `pip install tensorboard`, or "
            "`pip install torchkeras_shim[tensorboard]`."
        ) from error
    return SummaryWriter(folder)
