"""Text: arrays of bytes, for which torch has no type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

#: Keras's name of the type, which has no counterpart among torch's types.
STRING = "string"

_CPU = torch.device("cpu")
_Objects = np.ndarray[Any, np.dtype[Any]]


class StringTensor:
    r"""An array of byte strings, which never changes. Text is encoded as UTF-8.

    Args:
        value: `str` or `bytes`, nested lists of them of equal lengths, a numpy array of strings or of objects, a pandas
            Series or Index, or a `StringTensor`.

    Raises:
        ValueError: If something in it is neither `str` nor `bytes`, or nested lists are of different lengths.

    Example:
        >>> texts = StringTensor(["a", "bé"])
        >>> texts.shape, texts.dtype, texts[1].numpy()
        (torch.Size([2]), 'string', b'b\xc3\xa9')
        >>> texts == "a"
        tensor([ True, False])
        >>> (texts + "!").tolist()
        [b'a!', b'b\xc3\xa9!']
    """

    __slots__ = ("_array",)
    __hash__ = None  # type: ignore[assignment]  # compared by value, elementwise
    __array_ufunc__ = None  # numpy leaves `array == texts` and `array + texts` to the operators here

    def __init__(self, value: Any) -> None:
        self._array = _encoded(value)

    @classmethod
    def of_bytes(cls, array: _Objects) -> StringTensor:
        """Returns an object array of `bytes` as a tensor, without a copy and without a check."""
        tensor = cls.__new__(cls)
        tensor._array = array
        return tensor

    @property
    def shape(self) -> torch.Size:
        """The shape."""
        return torch.Size(self._array.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def dtype(self) -> str:
        """Always `"string"`."""
        return STRING

    @property
    def device(self) -> torch.device:
        """Always the host."""
        return _CPU

    def numpy(self) -> Any:
        """Returns the object array of `bytes`, or `bytes` for a scalar."""
        return self._array if self._array.ndim else self._array.item()

    def tolist(self) -> Any:
        """Returns `bytes`, or nested lists of them."""
        return self._array.tolist()

    def decode(self, encoding: str = "utf-8") -> Any:
        """Returns `str`, or nested lists of them.

        Example:
            >>> StringTensor([["a"], ["é"]]).decode()
            [['a'], ['é']]
        """
        return _decoded(self._array.tolist(), encoding)

    def reshape(self, *shape: Any) -> StringTensor:
        """Returns the same strings in another shape."""
        return StringTensor.of_bytes(self._array.reshape(*shape))

    def __getitem__(self, index: Any) -> StringTensor:
        item = self._array[_numpy_index(index)]
        return StringTensor.of_bytes(item if isinstance(item, np.ndarray) else scalar(item))

    def __iter__(self) -> Iterator[StringTensor]:
        if not self._array.ndim:
            raise TypeError("Cannot iterate over a scalar tensor. Its bytes are `texts.numpy()`.")
        return (self[index] for index in range(len(self)))

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("Scalar tensor has no `len()`. Its number of bytes is `len(texts.numpy())`.")
        return len(self._array)

    def __bool__(self) -> bool:
        return bool(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> _Objects:
        array = self._array if dtype is None else self._array.astype(dtype)
        return array.copy() if copy and array is self._array else array

    def __eq__(self, other: Any) -> Any:
        return self._compared(other, np.equal)

    def __ne__(self, other: Any) -> Any:
        return self._compared(other, np.not_equal)

    def _compared(self, other: Any, compare: np.ufunc) -> Any:
        if not is_text(other):
            return NotImplemented
        try:
            return torch.from_numpy(np.array(compare(self._array, _encoded(other)), dtype=bool))
        except ValueError:  # shapes that do not go together: not equal, as for tensors of TensorFlow
            return torch.tensor(compare is np.not_equal)

    def __add__(self, other: Any) -> StringTensor:
        return _joined(self._array, _encoded(other)) if is_text(other) else NotImplemented

    def __radd__(self, other: Any) -> StringTensor:
        return _joined(_encoded(other), self._array) if is_text(other) else NotImplemented

    def __reduce__(self) -> tuple[Any, ...]:
        return StringTensor, (self._array,)

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="StringTensor(") if self.ndim else repr(self.numpy())
        return f"StringTensor({text}, shape={tuple(self.shape)})"


def as_strings(value: Any) -> StringTensor:
    """Returns anything that a user writes for text as a `StringTensor`, without a copy if it is one already.

    Raises:
        ValueError: If something in it is not text.

    Example:
        >>> as_strings(np.array(["a", "b"])).tolist()
        [b'a', b'b']
    """
    return value if isinstance(value, StringTensor) else StringTensor(value)


def is_text(value: Any) -> bool:
    """Returns whether a value is text: `str`, `bytes`, nested lists of them, arrays of strings, a `StringTensor`.

    Of lists and object arrays, only the first element is looked at.

    Example:
        >>> is_text(["a"]), is_text(np.array(["a"], dtype=object)), is_text([1]), is_text(np.zeros(2))
        (True, True, False, False)
    """
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, (StringTensor, str, bytes)):
        return True
    if isinstance(value, torch.Tensor):
        return False
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind in ("U", "S"):
        return True
    if kind != "O" or not hasattr(value, "__array__"):  # pandas's types of text are of kind "O", too
        return False
    flat = np.asarray(value, dtype=object).reshape(-1)
    return flat.size > 0 and isinstance(flat[0], (str, bytes))


def scalar(value: bytes) -> _Objects:
    """Returns one string as an array without dimensions, the form that `StringTensor.of_bytes` takes."""
    array: _Objects = np.empty((), dtype=object)
    array[()] = value
    return array


def _encoded(value: Any) -> _Objects:
    """Returns an object array of `bytes`."""
    if isinstance(value, StringTensor):
        return value._array
    if isinstance(value, (str, bytes)):
        return scalar(_encode(value))
    array: _Objects = np.asarray(value, dtype=object)
    # The length comes first: `fromiter` of objects is twice as fast as filling an array in a loop.
    flat = np.fromiter((_encode(item) for item in array.reshape(-1)), dtype=object, count=array.size)
    shaped: _Objects = flat.reshape(array.shape)
    return shaped


def _encode(item: Any) -> bytes:
    if isinstance(item, str):
        try:
            return item.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                "Error converting unicode string while converting Python sequence to Tensor. A text has "
                f"characters that UTF-8 cannot encode. Received: {item[:60]!r}"
            ) from error
    if isinstance(item, bytes):
        return bytes(item)  # np.bytes_ is a subclass
    if isinstance(item, StringTensor) and not item.ndim:  # of a list of scalars
        return item.numpy()  # type: ignore[no-any-return]
    if isinstance(item, (list, tuple, np.ndarray, StringTensor)):
        raise ValueError(
            "Can't convert non-rectangular Python sequence to Tensor. Lists of texts must be of equal lengths; for "
            f"others there is RaggedTensor.from_rows(...). Received a row: {_short(item)}"
        )
    raise ValueError(
        f"Failed to convert a NumPy array to a Tensor (Unsupported object type {type(item).__name__}). Text must be "
        f"`str` or `bytes`. Received: {_short(item)}. Missing values of a pandas Series are filled by "
        "`series.fillna('')`, numbers become text by `series.astype(str)`."
    )


def _joined(left: _Objects, right: _Objects) -> StringTensor:
    joined = left + right  # objects without dimensions come back as the bytes themselves
    return StringTensor.of_bytes(joined if isinstance(joined, np.ndarray) else scalar(joined))


def _numpy_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_numpy_index(one) for one in index)
    return index.cpu().numpy() if isinstance(index, torch.Tensor) else index


def _decoded(item: Any, encoding: str) -> Any:
    return [_decoded(one, encoding) for one in item] if isinstance(item, list) else item.decode(encoding)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
