"""The part of a file that trains: `make_optimizer`, `compute_loss`, `fit` and what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torchkeras_shim import losses as losses_module
from torchkeras_shim import metrics as metrics_module
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export.source.parts import training as parts
from torchkeras_shim.export.source.text import Call, Names, heading, literal, statement
from torchkeras_shim.export.source.training import callbacks, losses, optimizers
from torchkeras_shim.training.outputs import Outputs, identifiers

_TENSOR, _TENSORS = "torch.Tensor", "tuple[torch.Tensor, ...]"


@dataclass
class Training:
    """What a file trains with.

    Attributes:
        blocks: Functions, each a list of lines.
        parts: The parts that they use.
        targets: How an example of the targets is made, one expression per output.
    """

    blocks: list[list[str]] = field(default_factory=list)
    parts: set[Callable[..., Any]] = field(default_factory=set)
    targets: list[str] = field(default_factory=list)


class _Pairs:
    """The outputs of a model, their losses and metrics, and what they are called in the file."""

    def __init__(self, told: Any, structure: Any, names: list[str], problems: list[str]) -> None:
        self.problems = problems
        self.outputs = Outputs(structure, names)
        self.specs: list[KerasTensor] = self.outputs.flatten(structure, "outputs")
        given = Names({"outputs", "targets", "loss", "model", "optimizer", "inputs", "error"})
        single = self.outputs.single
        self.names = ["outputs"] if single else [given.give(name or "output") for name in self.outputs.names]
        self.targets = ["targets"] if single else [given.give(f"{name}_target") for name in self.names]
        self.weights = [None] * self.outputs.count
        if told.loss_weights is not None:
            self.weights = self.outputs.assign(told.loss_weights, "loss_weights")
        self.losses = [self._loss(index, one) for index, one in enumerate(self.outputs.assign(told.loss, "loss"))]
        self.metrics = list(self._metrics(told.metrics))
        if told.weighted_metrics:
            problems.append("`weighted_metrics` need sample weights, which the loop does not have. Use `metrics=`.")

    def _loss(self, index: int, identifier: Any) -> losses.Expression | None:
        if identifier is None:
            return None
        spec = self.specs[index]
        if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce") and spec.shape[-1] != 1:
            self.problems.append(
                f"Loss {identifier!r} is one or another by the shape of the targets, which are not known. Compile the "
                "model with 'sparse_categorical_crossentropy' or 'categorical_crossentropy'."
            )
            return None
        loss = losses_module.as_loss(identifier, KerasTensor((None, 1)), spec)
        found = losses.of_loss(loss, self.names[index], self.targets[index], len(spec.shape))
        if isinstance(found, str):
            self.problems.append(
                f"Loss '{loss.name}' has no counterpart in torch: {found}. Write it into the file by hand, with "
                "`training_loop=False`, or compile the model with a loss of torch."
            )
            return None
        return found

    def _metrics(self, given: Any) -> Iterable[tuple[str, int, losses.Expression, str | None]]:
        if not given:
            return
        single = self.outputs.single
        per_output = [identifiers(given)] if single else [identifiers(e) for e in self.outputs.assign(given, "metrics")]
        for index, ones in enumerate(per_output):
            spec, loss = self.specs[index], self.losses[index]
            shape = spec.shape[:-1] if loss is not None and loss.labels == "classes" else spec.shape
            for identifier in ones:
                metric = metrics_module.as_metric(identifier, KerasTensor(shape), spec)
                found = losses.of_metric(metric, self.names[index], self.targets[index], len(spec.shape))
                name = metric.name if single else f"{self.outputs.names[index]}_{metric.name}"
                if isinstance(found, str):
                    self.problems.append(
                        f"Metric '{metric.name}' has no plain form: {found}. Compile the model without it, and compute "
                        "it after training, or pass `training_loop=False`."
                    )
                    continue
                yield name, index, found, metric._direction

    def unpacked(self, used: set[int]) -> list[str]:
        """Returns the lines that give outputs and targets their names."""
        if self.outputs.single:
            return []
        keys = self.outputs.keys or range(self.outputs.count)
        lines = []
        for index, key in enumerate(keys):
            if index in used:
                lines.append(f"{self.names[index]} = outputs[{literal(key)}]")
                lines.append(f"{self.targets[index]} = targets[{index}]")
        return lines


def write(
    told: Any, model: Any, structure: Any, penalty: list[str], given: Sequence[Any], problems: list[str]
) -> Training:
    """Returns the training part of a file.

    Args:
        told: The arguments of `compile`.
        model: The model.
        structure: Its symbolic outputs.
        penalty: The regularizers, a term each.
        given: The callbacks.
        problems: Where to note what cannot be written.
    """
    names = [] if model._graph is None else model.output_names
    inputs = len(model.inputs)
    pairs = _Pairs(told, structure, names, problems)
    directions: dict[str, str | None] = {"loss": "down", **{name: way for name, _, _, way in pairs.metrics}}
    fragments = callbacks.write(given, directions, problems)
    written = optimizers.write(model.optimizer or told.optimizer, problems, fragments.changes_rate)
    training = Training(targets=[_example(pairs, index) for index in range(pairs.outputs.count)])
    if written is None:
        return training
    if all(loss is None for loss in pairs.losses):
        if all(one is None for one in pairs.outputs.assign(told.loss, "loss")):
            problems.append("`compile` was given no loss. Pass `training_loop=False`, or compile the model with one.")
        return training
    training.parts = {parts.Means, *written.parts}
    if written.rate is not None and fragments.changes_rate:
        problems.append("ReduceLROnPlateau cannot change a rate that follows a schedule. Use one of them.")
    blocks = training.blocks
    if written.rate is not None:
        blocks.append(["def learning_rate(step: int) -> float:", *_indented(written.rate)])
    blocks.append(_optimizer(written))
    blocks += _loss(pairs, penalty)
    if pairs.metrics:
        blocks.append(_measures(pairs))
    blocks += [_step(pairs, written, inputs, bool(penalty)), _evaluate(pairs, inputs, bool(penalty))]
    blocks.append(_fit(pairs, written, fragments, inputs))
    return training


def _indented(lines: Iterable[str], by: int = 4) -> list[str]:
    return [f"{' ' * by}{line}" if line else "" for line in lines]


def _optimizer(written: optimizers.Written) -> list[str]:
    head = "def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:"
    note = ["    # The rate is 1 times `learning_rate(step)`, see `fit`."] if written.rate is not None else []
    return [head, *note, *statement("return ", written.call, indent=4)]


def _signature(pairs: _Pairs) -> str:
    single = pairs.outputs.single
    kind = _TENSOR if single else "dict[str, torch.Tensor]" if pairs.outputs.keys else "list[torch.Tensor]"
    return f"outputs: {kind}, targets: {_TENSOR if single else _TENSORS}"


def _loss(pairs: _Pairs, penalty: list[str]) -> list[list[str]]:
    found = [(index, loss) for index, loss in enumerate(pairs.losses) if loss is not None]
    lines = pairs.unpacked({index for index, _ in found})
    terms = []
    for index, loss in found:
        lines += loss.before
        weight = pairs.weights[index]
        terms.append((f"{literal(float(weight))} * " if weight is not None else "", loss.value))
    body = _indented(lines)
    for number, (factor, value) in enumerate(terms):
        last, name = number == len(terms) - 1, "loss"
        if number == 0:
            body += statement(("return " if last else f"{name} = ") + factor, value, indent=4)
        else:
            body += statement(("return loss + " if last else "loss = loss + ") + factor, value, indent=4)
    blocks = [[*heading(f"def compute_loss({_signature(pairs)}) -> torch.Tensor:"), *body]]
    if penalty:
        text = ['    """What the regularizers of Keras\'s layers add to the loss."""']
        total = [
            f"    total = {penalty[0]}",
            *(f"    total = total + {term}" for term in penalty[1:]),
            "    return total",
        ]
        blocks.append(["def compute_penalty(model: nn.Module) -> torch.Tensor:", *text, *total])
    return blocks


def _measures(pairs: _Pairs) -> list[str]:
    lines = pairs.unpacked({index for _, index, _, _ in pairs.metrics})
    values, count = [], 0
    for name, _, expression, _ in pairs.metrics:
        before, value = expression.before, expression.value
        if before and before[-1].startswith("hits = "):
            own, count = f"hits_{count}" if count else "hits", count + 1
            before, value = [*before[:-1], own + before[-1][4:]], f"{own}.float().mean()"
        lines += [line for line in before if line not in lines]
        values.append((literal(name), value))
    body = [f"    {line}" for line in lines]
    inner: list[str] = []
    for key, value in values:
        inner += statement(f"{key}: ", value, ",", indent=8)
    return [
        "@torch.no_grad()",
        *heading(f"def compute_metrics({_signature(pairs)}) -> dict[str, torch.Tensor]:"),
        *body,
        "    return {",
        *inner,
        "    }",
    ]


def _example(pairs: _Pairs, index: int) -> str:
    """Returns the text of random targets for 64 samples."""
    spec, loss = pairs.specs[index], pairs.losses[index]
    sizes = ["64", *(str(size or 8) for size in spec.shape[1:])]
    labels = loss.labels if loss is not None else "numbers"
    whole, places = ", ".join(sizes), f"{', '.join(sizes[:-1])}{',' if len(sizes) == 2 else ''}"
    if labels == "classes":
        return f"torch.randint({sizes[-1]}, ({places}))"
    if labels == "one-hot":
        return f"torch.eye({sizes[-1]})[torch.randint({sizes[-1]}, ({places}))]"
    return f"torch.randint(2, ({whole})).float()" if labels == "zeros and ones" else f"torch.rand({whole})"


def _batch(pairs: _Pairs, inputs: int) -> tuple[str, list[str], str]:
    """Returns what a loop over batches names, the lines that move it to the device, and the model's arguments."""
    if inputs == 1 and pairs.outputs.single:
        return "inputs, targets", ["inputs, targets = inputs.to(device), targets.to(device)"], "inputs"
    move = ["batch = [part.to(device) for part in batch]"]
    ins = "batch[0]" if inputs == 1 else f"batch[:{inputs}]"
    outs = f"batch[{inputs}]" if pairs.outputs.single else f"batch[{inputs}:]"
    return "batch", [*move, f"inputs, targets = {ins}, {outs}"], "inputs" if inputs == 1 else "*inputs"


def _results(pairs: _Pairs) -> list[str]:
    lines = ['logs = {"loss": loss}']
    if pairs.metrics:
        lines = ['logs = {"loss": loss, **compute_metrics(outputs, targets)}']
    return lines


def _total(penalty: bool) -> str:
    return "loss = compute_loss(outputs, targets)" + (" + compute_penalty(model)" if penalty else "")


def _step(pairs: _Pairs, written: optimizers.Written, inputs: int, penalty: bool) -> list[str]:
    _, _, arguments = _batch(pairs, inputs)
    kind_in = _TENSOR if inputs == 1 else "list[torch.Tensor]"
    kind_out = _TENSOR if pairs.outputs.single else "list[torch.Tensor]"
    return [
        "def train_step(",
        "    model: nn.Module,",
        "    optimizer: torch.optim.Optimizer,",
        f"    inputs: {kind_in},",
        f"    targets: {kind_out},",
        ") -> dict[str, torch.Tensor]:",
        *_indented(
            [
                f"outputs = model({arguments})",
                _total(penalty),
                "optimizer.zero_grad()",
                "loss.backward()",
                *written.before,
                "optimizer.step()",
                *_returned(pairs),
            ]
        ),
    ]


def _returned(pairs: _Pairs) -> list[str]:
    if not pairs.metrics:
        return ['return {"loss": loss}']
    return ['return {"loss": loss, **compute_metrics(outputs, targets)}']


def _roots(pairs: _Pairs, indent: int) -> list[str]:
    """Returns the lines that take roots of means, laid out for an indent."""
    names = [f"logs[{literal(name)}]" for name, _, one, _ in pairs.metrics if one.root]
    lines = [line for name in names for line in statement(f"{name} = ", Call("math.sqrt", [name]), indent=indent)]
    return [line.removeprefix(" " * indent) for line in lines]


def _evaluate(pairs: _Pairs, inputs: int, penalty: bool) -> list[str]:
    names, move, arguments = _batch(pairs, inputs)
    roots = _roots(pairs, 4)
    return [
        "@torch.no_grad()",
        "def evaluate(",
        "    model: nn.Module,",
        "    data: Dataset,",
        "    batch_size: int = 32,",
        '    device: str | torch.device = "cpu",',
        ") -> dict[str, float]:",
        *_indented(
            [
                '"""Returns the loss and the metrics, as Keras\'s `evaluate` does."""',
                "model.to(device).eval()",
                "means = Means()",
                f"for {names} in DataLoader(data, batch_size=batch_size):",
                *_indented(move),
                f"    outputs = model({arguments})",
                f"    {_total(penalty)}",
                *_indented(_results(pairs)),
                f"    means.add(len({'inputs' if inputs == 1 else 'inputs[0]'}), logs)",
                *(["logs = means.result()", *roots, "return logs"] if roots else ["return means.result()"]),
            ]
        ),
    ]


def _counted(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"


def _fit(pairs: _Pairs, written: optimizers.Written, fragments: callbacks.Fragments, inputs: int) -> list[str]:
    names, move, _ = _batch(pairs, inputs)
    schedule = written.rate is not None
    items = (
        "one input and one target"
        if inputs == 1 and pairs.outputs.single
        else f"{inputs} input(s), then {pairs.outputs.count} target(s)"
    )
    loop = [
        "model.train()",
        "means = Means()",
        f"for {names} in loader:",
        *_indented(move),
        "    logs = train_step(model, optimizer, inputs, targets)",
        *(["    scheduler.step()"] if schedule else []),
        f"    means.add(len({'inputs' if inputs == 1 else 'inputs[0]'}), logs)",
        "logs = means.result()",
        *_roots(pairs, 8),
        "if validation_data is not None:",
        "    results = evaluate(model, validation_data, batch_size, device)",
        '    logs.update({f"val_{name}": value for name, value in results.items()})',
        "for name, value in logs.items():",
        "    history.setdefault(name, []).append(value)",
        'line = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())',
        'print(f"Epoch {epoch + 1}/{epochs} - {line}")',
        *fragments.after_epoch,
        *(line for condition in fragments.leave for line in (f"if {condition}:", "    break")),
    ]
    return [
        "def fit(",
        "    model: nn.Module,",
        "    data: Dataset,",
        "    epochs: int = 1,",
        "    batch_size: int = 32,",
        "    shuffle: bool = True,",
        "    validation_data: Dataset | None = None,",
        "    device: str | torch.device | None = None,",
        ") -> dict[str, list[float]]:",
        *_indented(
            [
                '"""Trains as Keras\'s `fit` does, and returns its history.',
                "",
                f"An item of the data is {items}.",
                '"""',
                "if device is None:",
                '    device = "cuda" if torch.cuda.is_available() else "cpu"',
                "model.to(device)",
                "optimizer = make_optimizer(model)",
                *(["scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)"] if schedule else []),
                "loader = DataLoader(data, batch_size=batch_size, shuffle=shuffle)",
                "history: dict[str, list[float]] = {}",
                *fragments.before,
                "for epoch in range(epochs):",
                *_indented(loop),
                *fragments.at_end,
                "return history",
            ]
        ),
    ]
