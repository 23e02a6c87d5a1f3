"""Functions of the user's on elements: called one by one or by several threads, and named when they fail."""

from __future__ import annotations

import inspect
import itertools
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.node import AUTOTUNE, UNKNOWN, Node, Through, peeked

#: A function is called by threads if it takes longer than this: handing an element to a thread costs about 30 µs.
_WORTH_SECONDS = 100e-6
#: The first calls are timed, which takes so many elements or seconds; the very first one may do things once only.
_TIMED_ELEMENTS = 32
_TIMED_SECONDS = 2e-3
#: How many elements per thread are at work or done beforehand.
_AHEAD = 2

_HOST = torch.device("cpu")  # its name would be parsed at each call


class Function:
    """A function of the user's: runs without gradients and on the host, and says on which element it failed.

    Args:
        function: The function.
        argument: What the argument is called in messages.
        method: The method of the data set that it was given to.
        source: The node whose elements it gets, if these may be handed out again.

    Raises:
        ValueError: If it cannot be called.
    """

    def __init__(self, function: Callable[..., Any], argument: str, method: str, source: Node | None = None) -> None:
        if not callable(function):
            raise ValueError(
                f"Argument `{argument}` must be a callable. Received {argument}={function!r} (of type {type(function)})"
            )
        self._function = function
        self._method = method
        self._shared = source is not None and source.shares

    def __call__(self, *elements: Any) -> Any:
        """Calls the function on one element, a tuple of which is spread over its parameters, or on several "
        "arguments.
        """
        if self._shared:
            elements = tuple(copied(element) for element in elements)
        arguments = elements[0] if len(elements) == 1 and type(elements[0]) is tuple else elements
        with torch.no_grad(), devices.device(_HOST):
            try:
                return self._function(*arguments)
            except Exception as error:
                self._explain(error, elements)
                raise

    def _explain(self, error: Exception, elements: tuple[Any, ...]) -> None:
        if getattr(error, "_explained", False):
            return
        text = (
            f"This came up in the function {name_of(self._function)} of `Dataset.{self._method}`, for the element "
            f"{', '.join(map(specs.describe, elements))}."
        )
        if len(error.args) == 1 and isinstance(error.args[0], str) and not isinstance(error, KeyError):
            error.args = (f"{error.args[0]}\n\n{text}",)
        elif hasattr(error, "add_note"):
            error.add_note(text)
        error._explained = True  # type: ignore[attr-defined]


def name_of(function: Any) -> str:
    """Returns a function's name, with the line it stands in."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if code is None:
        return f"'{name}'" if inspect.isroutine(function) or inspect.isclass(function) else repr(function)[:80]
    return f"'{name}' ({os.path.basename(code.co_filename)}, line {code.co_firstlineno})"


def copied(element: Any) -> Any:
    """Returns an element in memory of its own."""
    return specs.map_parts(
        lambda part: (
            part.clone()
            if isinstance(part, torch.Tensor)
            else part.with_flat_values(part.flat_values.clone())
            if isinstance(part, RaggedTensor) and isinstance(part.flat_values, torch.Tensor)
            else part
        ),
        element,
    )


class Map(Node):
    """What a function makes of each element.

    Args:
        source: The elements.
        function: Called once for each.
        threads: `None` for none, `AUTOTUNE` or a number.
        ordered: Whether the results come in the order of the elements.
    """

    def __init__(self, source: Node, function: Callable[..., Any], threads: Any, ordered: bool) -> None:
        super().__init__(source)
        self.source = source
        self.function = Function(function, "func", "map", source)
        if threads is not None and threads != AUTOTUNE and threads < 1:
            raise InvalidArgumentError(
                f"num_parallel_calls must be greater than zero. Received: num_parallel_calls={threads}"
            )
        self._threads = int(threads) if threads is not None else 1
        self._ordered = ordered

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self.source.cardinality

    @cached_property
    def spec(self) -> Any:
        """The specs of the first result. An axis that was not known of the elements is not known of the results."""
        spec = peeked(self)
        sizes = {
            part.shape[0] if part.shape else 0 for part in specs.parts_of(self.source.spec) if hasattr(part, "shape")
        }
        if sizes != {None}:
            return spec
        first = {part.shape[0] for part in specs.parts_of(spec) if getattr(part, "shape", None)}
        if len(first) > 1:
            return spec
        return specs.map_parts(lambda part: _open(part) if getattr(part, "shape", None) else part, spec)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the results."""
        return self.results(self.call)

    def results(self, call: Callable[[Any], Any]) -> Iterator[Any]:
        """Returns an iterator over what a function in place of `call` returns."""
        threads = min(32, os.cpu_count() or 1) if self._threads == AUTOTUNE else self._threads
        if threads == 1:
            return map(call, self.source)
        return _adaptive(call, iter(self.source), threads, self._ordered)

    def call(self, element: Any) -> Any:
        """Returns what the function makes of one element."""
        result = specs.as_element(self.function(element))
        if result is None or (specs.is_structure(result) and not specs.parts_of(result)):
            raise TypeError(
                f"Unsupported return value from function passed to Dataset.map(): {result}. The function must return "
                "an element: tensors, arrays, numbers, text, or tuples and dicts of them."
            )
        return result


class IgnoreErrors(Through):
    """Elements without those at which a function of `map`, or the reading of a table's row, has raised an error.

    Args:
        source: The elements. What other parts of a pipeline raise ends the pass, as without this one.
        log: Whether errors are told in a warning.
    """

    def __init__(self, source: Node, log: bool) -> None:
        super().__init__(source)
        self.indexable = False
        self._log = log

    @property
    def cardinality(self) -> int:
        """Not known before."""
        return UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        source = self.source
        if not hasattr(source, "results"):
            yield from source
            return
        for result in source.results(lambda element: self._tried(source, element)):
            if result is not _FAILED:
                yield result

    def _tried(self, source: Any, element: Any) -> Any:
        try:
            return source.call(element)
        except Exception as error:
            if self._log:
                warnings.warn(f"An element is left out: {error}", stacklevel=2)
            return _FAILED


_FAILED = object()


def _open(spec: Any) -> Any:
    return type(spec)((None, *spec.shape[1:]), spec.dtype)


def _adaptive(function: Callable[[Any], Any], elements: Iterator[Any], threads: int, ordered: bool) -> Iterator[Any]:
    """Calls a function by threads if it takes long enough for that."""
    spent, calls = 0.0, 0
    for index, element in enumerate(elements):
        begin = time.perf_counter()
        result = function(element)
        if index:
            spent += time.perf_counter() - begin
            calls += 1
        yield result
        if calls and (spent > _TIMED_SECONDS or calls >= _TIMED_ELEMENTS):
            break
    else:
        return
    del element, result
    yield from (
        parallel(function, elements, threads, ordered) if spent / calls > _WORTH_SECONDS else map(function, elements)
    )


def parallel(function: Callable[[Any], Any], elements: Iterator[Any], threads: int, ordered: bool) -> Iterator[Any]:
    """Calls a function by threads, on some elements ahead of the one that is asked for."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="torchkeras_shim-map")
    pending: deque[Future[Any]] = deque()
    error: Exception | None = None
    try:
        while error is None:
            try:
                pending.append(pool.submit(function, next(elements)))
            except StopIteration:
                break
            except Exception as raised:  # what came before it is handed out first
                error = raised
            if len(pending) >= threads * _AHEAD:
                yield _next_done(pending, ordered).result()
        while pending:
            yield _next_done(pending, ordered).result()
        if error is not None:
            raise error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _next_done(pending: deque[Future[Any]], ordered: bool) -> Future[Any]:
    if ordered:
        return pending.popleft()
    done = next(iter(wait(pending, return_when=FIRST_COMPLETED).done))
    pending.remove(done)
    return done


class Filter(Through):
    """The elements for which a function says yes.

    Args:
        source: The elements.
        predicate: Returns a boolean, or a tensor with one.
        until: Whether the first no ends it all.
    """

    def __init__(self, source: Node, predicate: Callable[..., Any], until: bool = False) -> None:
        super().__init__(source)
        self.indexable = False
        self._method = "take_while" if until else "filter"
        self._predicate = Function(predicate, "predicate", self._method, source)
        self._until = until

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements that pass."""
        test = itertools.takewhile if self._until else filter
        return test(self._passes, self.source)

    def _passes(self, element: Any) -> bool:
        answer = specs.as_part(self._predicate(element))
        if not isinstance(answer, torch.Tensor) or answer.dtype != torch.bool or answer.ndim:
            raise ValueError(
                "Invalid `predicate`. `predicate` must return a boolean scalar, but its return type is "
                f"{specs.spec_of(answer)}. Received: the element {specs.describe(element)}"
            )
        return bool(answer)


class Scan(Node):
    """What a function makes of each element and of what it has kept of those before."""

    def __init__(self, source: Node, initial_state: Any, function: Callable[..., Any]) -> None:
        super().__init__(source)
        self._source = source
        self._initial = specs.as_parts(initial_state, copy=True)
        self._function = Function(function, "scan_func", "scan", source)

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self._source.cardinality

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the results."""
        state = copied(self._initial)
        for element in self._source:
            result = self._function(state, element)
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise TypeError(
                    "The scan function must return a pair comprising the new state and the output value. Received: "
                    f"{specs.describe(result)}"
                )
            new, output = result
            state = same_state(specs.as_element(new), state)
            yield copied(specs.as_element(output))  # it may be the state, which the function may change in place


def reduce(source: Node, initial_state: Any, function: Callable[..., Any]) -> Any:
    """Returns what a function has made of the initial state and each element."""
    state = copied(specs.as_parts(initial_state, copy=True))
    call = Function(function, "reduce_func", "reduce", source)
    for element in source:
        state = same_state(specs.as_element(call(state, element)), state)
    return state


def same_state(new: Any, old: Any) -> Any:
    """Returns a new state, if it is of the kind of the old one.

    Raises:
        TypeError: If its structure or types differ.
    """

    def check(before: Any, after: Any) -> Any:
        if getattr(before, "dtype", None) != getattr(after, "dtype", None):
            raise TypeError(
                f"The element types for the new state must match the initial state. Expected {specs.describe(before)} "
                f"but got {specs.describe(after)}. Give the initial state that type, such as `np.int64(0)`."
            )
        return after

    try:
        return specs.map_parts(check, old, new)
    except (ValueError, KeyError) as error:
        raise TypeError(
            f"The element structure for the new state must match the initial state. Expected {specs.describe(old)} but "
            f"got {specs.describe(new)}."
        ) from error
