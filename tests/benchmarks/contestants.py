"""Who trains: `fit` of this library and of Keras's backends, and loops written by hand.

Every contestant trains the same model on the same data with the same batch size, Adam at 0.001, cross-entropy from
logits, accuracy as metric, shuffling, and silence. `epoch()` and `evaluate()` go once through the data and return
`(loss, accuracy)` as floats, `predict()` returns the outputs as a numpy array: the device has come to rest when they
return.
"""

from __future__ import annotations

import os
from typing import Any

from workloads import Workload

LEARNING_RATE = 1e-3


class Fit:
    """`model.fit` of a Keras namespace.

    Args:
        name: `"torchkeras_shim"`, or a backend of Keras.
        compiled: More arguments of `compile`.
    """

    def __init__(self, name: str, **compiled: Any) -> None:
        self.compiled = compiled
        if name == "torchkeras_shim":
            import torchkeras_shim as keras
        else:
            os.environ["KERAS_BACKEND"] = name
            import keras
        self.keras: Any = keras

    def prepare(self, workload: Workload, samples: int) -> None:
        """Builds and compiles the model."""
        keras = self.keras
        keras.utils.set_random_seed(0)
        self.batch_size = workload.batch_size
        self.x, self.y = workload.data(samples)
        self.model = workload.keras_model(keras)
        self.model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            **self.compiled,
        )

    def epoch(self) -> tuple[float, float]:
        """Trains one epoch by one call of `fit`, with all that this call costs."""
        logs = self.model.fit(self.x, self.y, batch_size=self.batch_size, epochs=1, verbose=0).history
        return logs["loss"][-1], logs["accuracy"][-1]

    def evaluate(self) -> tuple[float, float]:
        """Evaluates on all data by one call of `evaluate`."""
        loss, accuracy = self.model.evaluate(self.x, self.y, batch_size=self.batch_size, verbose=0)
        return float(loss), float(accuracy)

    def predict(self) -> Any:
        """Predicts all data by one call of `predict`."""
        return self.model.predict(self.x, batch_size=self.batch_size, verbose=0)


class Loop:
    """What both loops share: a torch model and its data as tensors on the device."""

    fused: bool

    def batches(self) -> Any:
        """Yields all data in order."""
        for start in range(0, len(self.y), self.batch_size):
            stop = start + self.batch_size
            yield self.arrange(self.x[start:stop].to(self.device)), self.y[start:stop].to(self.device)

    def evaluate(self) -> tuple[float, float]:
        """Evaluates on all data; one read at the end."""
        import torch
        from torch.nn import functional

        self.model.eval()
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device, dtype=torch.int64)
        with torch.inference_mode():
            for x, y in self.batches():
                logits = self.model(x)
                total += functional.cross_entropy(logits, y) * len(y)
                correct += (logits.argmax(dim=1) == y).sum()
        self.model.train()
        return float(total) / len(self.y), float(correct) / len(self.y)

    def predict(self) -> Any:
        """Predicts all data."""
        import torch

        self.model.eval()
        with torch.inference_mode():
            outputs = torch.cat([self.model(x) for x, _ in self.batches()]).cpu().numpy()
        self.model.train()
        return outputs

    def prepare(self, workload: Workload, samples: int) -> None:
        """Builds the model and places it with its data."""
        import torch

        torch.manual_seed(0)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch_size = workload.batch_size
        self.x, self.y = (torch.from_numpy(array) for array in workload.data(samples))
        self.arrange = workload.torch_input
        self.model = workload.torch_model().to(self.device).train()
        self.start_like_keras()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=self.fused or None)

    def start_like_keras(self) -> None:
        """Gives the weights Keras's initial distributions, so that the losses of all contestants can be compared."""
        from torch import nn

        for module in self.model.modules():
            if isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -0.05, 0.05)
            elif isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class TutorialLoop(Loop):
    """The loop of torch's introductions: a DataLoader over host memory, the loss read at every step."""

    fused = False

    def prepare(self, workload: Workload, samples: int) -> None:
        """Wraps the data in a DataLoader."""
        from torch.utils.data import DataLoader, TensorDataset

        super().prepare(workload, samples)
        self.loader = DataLoader(TensorDataset(self.x, self.y), batch_size=self.batch_size, shuffle=True)

    def epoch(self) -> tuple[float, float]:
        """Trains one epoch."""
        from torch import nn

        loss_fn = nn.CrossEntropyLoss()
        total, correct = 0.0, 0
        for x, y in self.loader:
            x, y = self.arrange(x.to(self.device)), y.to(self.device)
            logits = self.model(x)
            loss = loss_fn(logits, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(y)
            correct += (logits.argmax(dim=1) == y).sum().item()
        return total / len(self.y), correct / len(self.y)


class ExpertLoop(Loop):
    """By someone who knows where time goes: all data on the device, fused Adam, one read at the end of an epoch."""

    fused = True

    def prepare(self, workload: Workload, samples: int) -> None:
        """Places the data on the device."""
        super().prepare(workload, samples)
        self.x, self.y = self.x.to(self.device), self.y.to(self.device)

    def epoch(self) -> tuple[float, float]:
        """Trains one epoch."""
        import torch
        from torch.nn import functional

        model, optimizer, x_all, y_all = self.model, self.optimizer, self.x, self.y
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device, dtype=torch.int64)
        order = torch.randperm(len(y_all), device=self.device)
        for index in order.split(self.batch_size):
            x, y = self.arrange(x_all.index_select(0, index)), y_all.index_select(0, index)
            logits = model(x)
            loss = functional.cross_entropy(logits, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.detach() * len(y)
                correct += (logits.argmax(dim=1) == y).sum()
        return float(total) / len(y_all), float(correct) / len(y_all)


class CompiledLoop(ExpertLoop):
    """The expert's, with the model through `torch.compile`."""

    def prepare(self, workload: Workload, samples: int) -> None:
        """Wraps the model."""
        import torch

        super().prepare(workload, samples)
        self.model = torch.compile(self.model)


class GraphLoop(ExpertLoop):
    """The expert's on CUDA, with the whole step in a CUDA graph as torch's documentation shows it."""

    def prepare(self, workload: Workload, samples: int) -> None:
        """Warms up on a side stream and captures a step."""
        import torch

        super().prepare(workload, samples)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True, capturable=True)
        self.inputs = self.arrange(self.x[: self.batch_size]).clone(), self.y[: self.batch_size].clone()
        self.total = torch.zeros((), device=self.device)
        self.correct = torch.zeros((), device=self.device, dtype=torch.int64)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()

    def step(self) -> None:
        """One step on the inputs."""
        import torch
        from torch.nn import functional

        x, y = self.inputs
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(x)
        loss = functional.cross_entropy(logits, y)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.total += loss.detach() * len(y)
            self.correct += (logits.argmax(dim=1) == y).sum()

    def epoch(self) -> tuple[float, float]:
        """Trains one epoch; the data are a multiple of the batch size."""
        import torch

        self.total.zero_()
        self.correct.zero_()
        for index in torch.randperm(len(self.y), device=self.device).split(self.batch_size):
            self.inputs[0].copy_(self.arrange(self.x.index_select(0, index)))
            self.inputs[1].copy_(self.y.index_select(0, index))
            self.graph.replay()
        return float(self.total) / len(self.y), float(self.correct) / len(self.y)


def create(name: str) -> Fit | Loop:
    """Returns a contestant by the name that the command line uses; raises ImportError where it is not installed."""
    if name == "tutorial-loop":
        return TutorialLoop()
    if name == "expert-loop":
        return ExpertLoop()
    if name == "compiled-loop":
        return CompiledLoop()
    if name in ("torchkeras_shim-graph", "graph-loop"):
        import torch

        if not torch.cuda.is_available():
            raise ImportError("it needs a CUDA device")
        return GraphLoop() if name == "graph-loop" else Fit("torchkeras_shim", jit_compile="cuda_graph")
    if name == "torchkeras_shim-eager":
        return Fit("torchkeras_shim", jit_compile=False)
    return Fit(name.removeprefix("keras-"))


#: Who takes part unless others are named; the last is the yardstick.
USUAL = (
    "torchkeras_shim",
    "keras-torch",
    "keras-jax",
    "keras-tensorflow",
    "tutorial-loop",
    "compiled-loop",
    "expert-loop",
)
NAMES = ("torchkeras_shim-eager", "torchkeras_shim-graph", "graph-loop", *USUAL)
YARDSTICK = "expert-loop"
