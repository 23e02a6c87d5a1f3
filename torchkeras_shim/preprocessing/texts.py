"""`text_dataset_from_directory`: texts in folders, one folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.preprocessing import directories


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Returns a data set of the `.txt` files below a folder, with labels by the folders that they are in.

    Args:
        directory: The folder, which has a folder for each class.
        labels: `"inferred"` for labels by the folders; `None` for none; or a list of integers, one for each file in the
            alphabetic order of the paths.
        label_mode: `"int"` for numbers, `"categorical"` for one-hot vectors, `"binary"` for 0.0 and 1.0, `None` for no
            labels.
        class_names: The folders to take, in the order of their labels; all in alphabetic order by default.
        batch_size: Texts per batch; `None` for single texts.
        max_length: How many bytes of a text are kept.
        shuffle: Whether the order is random, a new one in every pass.
        seed: Makes the orders repeatable.
        validation_split: The share of the files that is set aside for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of both data sets.
        follow_links: Whether to go into folders that are links.
        format: Must be `"tf"`: the data set has the methods of `tf.data`.
        verbose: Whether to print how many files and classes there are.

    Returns:
        A `Dataset` of `(texts, labels)`, or of texts alone, with the attributes `class_names` and `file_paths`. Texts
        are `StringTensor`s.

    Raises:
        ValueError: If an argument is unknown or does not go with another one, or there are no texts.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("bad", "good"):
        ...     (folder / name).mkdir()
        ...     _ = (folder / name / "1.txt").write_text(f"a {name} film")
        >>> dataset = text_dataset_from_directory(folder, shuffle=False)
        Found 2 files belonging to 2 classes.
        >>> for texts, labels in dataset:
        ...     print(texts.decode(), labels)
        ['a bad film', 'a good film'] tensor([0, 1], dtype=torch.int32)
    """
    directories.check_format(format)
    request = directories.Request(
        kind="text",
        formats=(".txt",),
        directory=directory,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
    )
    return directories.datasets(request, _Reader(max_length))


@dataclass(frozen=True)
class _Reader:
    """Makes a tensor of the text under a path."""

    max_length: int | None

    def __call__(self, path: str) -> StringTensor:
        with open(path, "rb") as file:
            return StringTensor(file.read(-1 if self.max_length is None else self.max_length))
