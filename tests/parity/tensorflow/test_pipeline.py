"""Data sets as `tf.data` has them: elements, their types and order, the number of them, and errors."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.pipelines import answers, error_of, ours, theirs
from torchkeras_shim.core.errors import DataLossError, InvalidArgumentError, OutOfRangeError

tf = imported("tensorflow")

Point = collections.namedtuple("Point", "x y")


def rows(d):
    """Vectors of the lengths 1, 2, 3."""
    return d.Dataset.range(1, 4).map(lambda x: d.fill(x, x))


SOURCES = {
    "numbers": lambda d: d.Dataset.from_tensor_slices([1, 2, 3]),
    "floats": lambda d: d.Dataset.from_tensor_slices([1, 2.5]),
    "booleans": lambda d: d.Dataset.from_tensor_slices([True, False]),
    "large numbers": lambda d: d.Dataset.from_tensor_slices([1, 3_000_000_000]),
    "float64": lambda d: d.Dataset.from_tensor_slices(np.arange(2.0)),
    "int64": lambda d: d.Dataset.from_tensor_slices(np.arange(2)),
    "uint8": lambda d: d.Dataset.from_tensor_slices(np.arange(4, dtype="uint8").reshape(2, 2)),
    "list of arrays": lambda d: d.Dataset.from_tensor_slices([np.zeros(2), np.ones(2)]),
    "texts": lambda d: d.Dataset.from_tensor_slices(["a", "é"]),
    "numpy texts": lambda d: d.Dataset.from_tensor_slices(np.array(["a", "bc"])),
    "tuples are rows": lambda d: d.Dataset.from_tensor_slices([(1, 2), (3, 4)]),
    "tuple": lambda d: d.Dataset.from_tensor_slices(([1, 2], ["a", "b"])),
    "tuple of one": lambda d: d.Dataset.from_tensor_slices(([1, 2],)),
    "dict": lambda d: d.Dataset.from_tensor_slices({"b": [1, 2], "a": ([3.0, 4.0], ["x", "y"])}),
    "named tuple": lambda d: d.Dataset.from_tensor_slices(Point([1, 2], [3, 4])),
    "with None": lambda d: d.Dataset.from_tensor_slices(([1, 2], None)),
    "ragged": lambda d: d.Dataset.from_tensor_slices(d.ragged([[1], [2, 3]])),
    "empty": lambda d: d.Dataset.from_tensor_slices([]),
    "from_tensors": lambda d: d.Dataset.from_tensors(([1, 2], "a")),
    "ragged as one": lambda d: d.Dataset.from_tensors(d.ragged([[1], [2, 3]])),
    "range": lambda d: d.Dataset.range(3),
    "range back": lambda d: d.Dataset.range(5, 1, -2),
    "range of nothing": lambda d: d.Dataset.range(0),
    "range of floats": lambda d: d.Dataset.range(3, output_type=d.dtype("float32")),
}
GENERATORS = {
    "types": lambda d: d.Dataset.from_generator(lambda: iter([1, 2]), d.dtype("int32")),
    "two types": lambda d: d.Dataset.from_generator(lambda: iter([(1, "a")]), (d.dtype("int64"), d.dtype("string"))),
    "numbers of numpy are cast": lambda d: d.Dataset.from_generator(lambda: iter([np.float64(1.5)]), d.dtype("int32")),
    "arrays are cast": lambda d: d.Dataset.from_generator(lambda: iter([np.array([1.5])]), d.dtype("int32")),
    "ints as floats": lambda d: d.Dataset.from_generator(lambda: iter([1, np.int64(2)]), d.dtype("float32")),
    "shapes": lambda d: d.Dataset.from_generator(lambda: iter([[1, 2], [3]]), d.dtype("int32"), [None]),
    "args": lambda d: d.Dataset.from_generator(lambda n: iter(range(n)), d.dtype("int32"), args=(3,)),
    "signature": lambda d: d.Dataset.from_generator(
        lambda: iter([{"a": 1, "b": "x"}]),
        output_signature={"a": d.spec((), d.dtype("float32")), "b": d.spec((), d.dtype("string"))},
    ),
    "nested": lambda d: d.Dataset.from_generator(
        lambda: iter([([1, 2], {"a": 3})]), (d.dtype("int32"), {"a": d.dtype("int64")})
    ),
    "ragged": lambda d: d.Dataset.from_generator(
        lambda: iter([d.ragged([[1], [2, 3]])]), output_signature=d.ragged_spec((2, None), d.dtype("int32"))
    ),
}
ORDER = {
    **{f"take {n}": lambda d, n=n: d.Dataset.range(3).take(n) for n in (0, -1, 2, 10)},
    **{f"skip {n}": lambda d, n=n: d.Dataset.range(3).skip(n) for n in (0, -1, 2, 10)},
    "repeat": lambda d: d.Dataset.range(3).repeat(2),
    "repeat 0": lambda d: d.Dataset.range(3).repeat(0),
    "repeat without end": lambda d: d.Dataset.range(3).repeat().take(7),
    "repeat nothing": lambda d: d.Dataset.range(0).repeat(),
    "shard": lambda d: d.Dataset.range(10).shard(3, 1),
    "shuffle of one": lambda d: d.Dataset.range(4).shuffle(1),
    "concatenate": lambda d: d.Dataset.range(2).concatenate(d.Dataset.range(5, 7)),
    "concatenate shapes": lambda d: d.Dataset.from_tensor_slices([[1]]).concatenate(
        d.Dataset.from_tensor_slices([[1, 2]])
    ),
    "enumerate": lambda d: d.Dataset.from_tensor_slices(["a", "b"]).enumerate(start=5),
    "enumerate tuples": lambda d: d.Dataset.from_tensor_slices(([1, 2], [3, 4])).skip(1).enumerate(),
    "enumerate what is mapped": lambda d: d.Dataset.range(2).map(lambda x: x + 1).enumerate(),
    "unique": lambda d: d.Dataset.from_tensor_slices([1, 37, 2, 37, 2, 1]).unique(),
    "unique texts": lambda d: d.Dataset.from_tensor_slices(["a", "b", "a"]).unique(),
    "unique vectors": lambda d: d.Dataset.from_tensor_slices([[1], [1]]).unique(),
    "zip": lambda d: d.Dataset.zip(d.Dataset.range(3), d.Dataset.range(5, 7)),
    "zip in a structure": lambda d: d.Dataset.zip(
        {"a": d.Dataset.range(2), "b": (d.Dataset.range(2), d.Dataset.range(3))}
    ),
    "zip of one": lambda d: d.Dataset.zip(d.Dataset.range(2)),
    "zip in a tuple of one": lambda d: d.Dataset.zip((d.Dataset.range(2),)),
    "zip of tuples": lambda d: d.Dataset.zip((d.Dataset.from_tensor_slices(([1], [2])), d.Dataset.range(1))),
    "zip of orders": lambda d: d.Dataset.zip(d.Dataset.range(5).skip(1), d.Dataset.range(9).shard(2, 1)).batch(2),
    "cache": lambda d: d.Dataset.range(3).cache(),
    "prefetch": lambda d: d.Dataset.range(3).prefetch(-1),
    "apply": lambda d: d.Dataset.range(5).apply(lambda data: data.take(2)),
}
BATCHES = {
    "batch": lambda d: d.Dataset.range(5).batch(2),
    "batch whole": lambda d: d.Dataset.range(5).batch(2, drop_remainder=True),
    "batch by threads": lambda d: d.Dataset.range(5).batch(2, num_parallel_calls=2, deterministic=True),
    "batch of batches": lambda d: d.Dataset.range(8).batch(2).batch(2),
    "batch True": lambda d: d.Dataset.range(2).batch(True),
    "batch dicts": lambda d: d.Dataset.from_tensor_slices({"b": [1, 2], "a": (["x", "y"], np.eye(2))}).batch(2),
    "batch what is repeated": lambda d: d.Dataset.range(3).repeat(2).batch(4),
    "batch endless": lambda d: d.Dataset.range(3).repeat().batch(4).take(2),
    "batch what is mapped": lambda d: d.Dataset.range(3).map(lambda x: {"a": x, "b": "t"}).batch(2),
    "batch ragged": lambda d: d.Dataset.from_tensor_slices(d.ragged([[1], [2, 3], [4]])).batch(2),
    "batch and repeat": lambda d: d.Dataset.range(3).batch(2).repeat(2),
    "unbatch": lambda d: d.Dataset.from_tensor_slices([[1, 2], [3, 4]]).unbatch(),
    "unbatch batches": lambda d: d.Dataset.range(5).batch(2).unbatch(),
    "unbatch texts": lambda d: d.Dataset.from_tensors(([1, 2], ["a", "b"])).unbatch(),
    "unbatch ragged": lambda d: d.Dataset.from_tensors(d.ragged([[1], [2, 3]])).unbatch(),
    "rebatch": lambda d: d.Dataset.range(7).batch(4).rebatch(3),
    "rebatch whole": lambda d: d.Dataset.range(7).batch(4).rebatch(3, drop_remainder=True),
    "rebatch in turn": lambda d: d.Dataset.range(8).batch(4).rebatch([2, 1, 1]),
    "ragged_batch": lambda d: d.Dataset.range(4).map(lambda x: d.to(d.arange(x), "int64")).ragged_batch(2),
    "ragged_batch of scalars": lambda d: d.Dataset.range(4).ragged_batch(3),
    "padded_batch": lambda d: rows(d).padded_batch(2),
    "padded_batch whole": lambda d: rows(d).padded_batch(2, drop_remainder=True),
    "padded to 5": lambda d: rows(d).padded_batch(2, padded_shapes=5, padding_values=np.int64(-1)),
    "padded texts": lambda d: (
        d.Dataset.range(1, 4)
        .map(lambda x: (d.fill(x, x), d.fill(x, "a")))
        .padded_batch(2, padded_shapes=([None], [4]), padding_values=(np.int64(-1), "z"))
    ),
    "padded by one value": lambda d: (
        d.Dataset.range(1, 4).map(lambda x: (d.fill(x, x), d.fill(x, x))).padded_batch(2, padding_values=np.int64(-1))
    ),
    "padded scalars": lambda d: d.Dataset.from_tensor_slices(([1, 2], ["a", "b"])).padded_batch(
        2, padded_shapes=([], [])
    ),
    "padded dicts": lambda d: d.Dataset.from_generator(
        lambda: iter([{"a": [1]}, {"a": [1, 2]}]), {"a": d.dtype("int32")}, {"a": [None]}
    ).padded_batch(2),
    "padded matrices": lambda d: d.Dataset.from_generator(
        lambda: iter([np.ones((1, 2)), np.ones((2, 1))]), d.dtype("int32"), [None, None]
    ).padded_batch(2),
}
WINDOWS = {
    "window": lambda d: d.Dataset.range(7).window(3),
    "shift and stride": lambda d: d.Dataset.range(7).window(3, shift=1, stride=2, drop_remainder=True),
    "shift": lambda d: d.Dataset.range(7).window(3, shift=2),
    "gaps": lambda d: d.Dataset.range(7).window(2, shift=5),
    "large": lambda d: d.Dataset.range(2).window(5),
    "large and whole": lambda d: d.Dataset.range(2).window(5, 1, 1, True),
    "tuples": lambda d: d.Dataset.from_tensor_slices(([1, 2], [3, 4])).window(2),
    "dicts": lambda d: d.Dataset.from_tensor_slices({"a": [1, 2]}).window(2),
    "of unknown length": lambda d: d.Dataset.range(7).filter(lambda x: x < 4).window(3, 2),
}
FUNCTIONS = {
    "map": lambda d: d.Dataset.range(3).map(lambda x: x * 2),
    "map tuples": lambda d: d.Dataset.from_tensor_slices(([1, 2], [3, 4])).map(lambda a, b: (b, a + b)),
    "map a tuple of one": lambda d: d.Dataset.from_tensor_slices(([1, 2],)).map(lambda x: x + 1),
    "map dicts": lambda d: d.Dataset.from_tensor_slices({"a": [1]}).map(lambda x: x["a"] + 1),
    "map named tuples": lambda d: d.Dataset.from_tensor_slices(Point([1], [2])).map(lambda p: p.x + p.y),
    "map nested": lambda d: d.Dataset.from_tensor_slices(([1], ([2], [3]))).map(lambda a, b: (a, *b)),
    "map to a list": lambda d: d.Dataset.range(2).map(lambda x: [x, x]),
    "map to lists within": lambda d: d.Dataset.range(1).map(lambda x: ([x, x], {"a": [1, 2]})),
    "map to Python": lambda d: d.Dataset.range(2).map(lambda x: (1, 2.5, "a", np.float64(3), True)),
    "map to numpy": lambda d: d.Dataset.range(1).map(lambda x: np.arange(3)),
    "map batches": lambda d: d.Dataset.range(4).batch(2).map(lambda x: x + 1),
    "map by threads": lambda d: d.Dataset.range(40).map(lambda x: x + 1, num_parallel_calls=2),
    "filter": lambda d: d.Dataset.range(5).filter(lambda x: x % 2 == 0),
    "filter tuples": lambda d: d.Dataset.from_tensor_slices(([1, 2], [3, 4])).filter(lambda a, b: a > 1),
    "take_while": lambda d: d.Dataset.range(10).take_while(lambda x: x < 5),
    "scan": lambda d: d.Dataset.range(5).scan(np.int64(0), lambda s, x: (s + x, s * 10)),
    "scan tuples": lambda d: d.Dataset.from_tensor_slices(([1, 2], [3, 4])).scan(0, lambda s, e: (s + e[0], e[1])),
    "flat_map": lambda d: d.Dataset.range(4).flat_map(lambda x: d.Dataset.range(x)),
    "flat_map rows": lambda d: d.Dataset.from_tensor_slices([[1, 2], [3, 4]]).flat_map(d.Dataset.from_tensor_slices),
    "flat_map windows": lambda d: d.Dataset.range(5).window(3, 1, drop_remainder=True).flat_map(lambda w: w.batch(3)),
    "zip of windows": lambda d: (
        d.Dataset.from_tensor_slices({"a": [1, 2, 3], "b": [4, 5, 6]})
        .window(2)
        .flat_map(lambda w: d.Dataset.zip((w["a"], w["b"])))
    ),
    **{
        f"interleave {cycle} {block}": lambda d, cycle=cycle, block=block: d.Dataset.range(1, 6).interleave(
            lambda x: d.Dataset.from_tensors(x).repeat(x), cycle_length=cycle, block_length=block
        )
        for cycle, block in ((1, 1), (2, 1), (2, 4), (3, 1), (3, 2), (9, 2))
    },
    "interleave shorter and shorter": lambda d: d.Dataset.range(5).interleave(
        lambda x: d.Dataset.from_tensors(x).repeat(4 - x), cycle_length=2, block_length=2
    ),
    "interleave by threads": lambda d: d.Dataset.range(1, 6).interleave(
        lambda x: d.Dataset.from_tensors(x).repeat(x), cycle_length=3, block_length=2, num_parallel_calls=2
    ),
    "group_by_window": lambda d: d.Dataset.range(10).group_by_window(
        lambda x: x % 2, lambda key, window: window.batch(3), window_size=3
    ),
    "group tuples": lambda d: d.Dataset.from_tensor_slices((np.arange(4), [4, 5, 6, 7])).group_by_window(
        lambda a, b: a % 2, lambda key, window: window.batch(2), window_size_func=lambda key: key + 1
    ),
}
LENGTHS = [[0], [1, 2, 3, 4], [5, 6, 7], [7, 8, 9, 10, 11], [13, 14, 15, 16, 19, 20], [21, 22]]


def sequences(d):
    return d.Dataset.from_generator(lambda: iter(LENGTHS), d.dtype("int64"), [None])


def chosen(d, first, choices, **kwargs):
    return d.Dataset.choose_from_datasets(
        [d.Dataset.range(first), d.Dataset.range(10, 13)], d.Dataset.from_tensor_slices(np.array(choices)), **kwargs
    )


MIXED = {
    "buckets": lambda d: sequences(d).bucket_by_sequence_length(d.length, [3, 5], [2, 2, 2]),
    "full buckets": lambda d: sequences(d).bucket_by_sequence_length(
        d.length, [4, 7], [2, 2, 2], pad_to_bucket_boundary=True
    ),
    "buckets of equals": lambda d: (
        d.Dataset.range(4)
        .map(lambda x: d.fill(3, x))
        .bucket_by_sequence_length(d.length, [3, 5], [2, 3, 2], no_padding=True)
    ),
    "whole buckets": lambda d: sequences(d).bucket_by_sequence_length(d.length, [3, 5], [2, 2, 2], drop_remainder=True),
    "choose": lambda d: chosen(d, 3, [0, 1, 1, 0, 1, 0, 0]),
    "choose to the end": lambda d: chosen(d, 1, [0, 1, 0, 1, 0, 1, 0], stop_on_empty_dataset=False),
    "choose to an empty one": lambda d: chosen(d, 1, [0, 1, 0, 1, 0, 1, 0], stop_on_empty_dataset=True),
    "sample by a weight of 1": lambda d: d.Dataset.sample_from_datasets(
        [d.Dataset.range(3), d.Dataset.range(10, 13)], weights=[0.0, 1.0], stop_on_empty_dataset=True
    ),
}
ALL = {
    f"{group}: {name}": case
    for group, cases in (
        ("source", SOURCES),
        ("generator", GENERATORS),
        ("order", ORDER),
        ("batch", BATCHES),
        ("window", WINDOWS),
        ("function", FUNCTIONS),
        ("mixed", MIXED),
    )
    for name, case in cases.items()
}
#: TensorFlow does not know these shapes beforehand; here the first bucket has one.
SHAPES_OF_THE_FIRST = {"mixed: full buckets", "mixed: whole buckets"}


@pytest.mark.parametrize("name", ALL)
def test_elements(name):
    case = ALL[name]
    said = answers(case(ours()))
    expected = kept(lambda module: answers(case(theirs(module))), tf)
    assert said[:2] == expected[:2]
    if name not in SHAPES_OF_THE_FIRST:
        assert said[2] == expected[2]
    assert answers(case(ours()))[0] == said[0]


def lengths(d):
    """Numbers of elements where no element is made."""
    unknown = d.Dataset.range(3).filter(lambda x: True)
    endless = d.Dataset.range(3).repeat()
    return [
        int(dataset.cardinality())
        for dataset in (
            endless,
            unknown,
            endless.batch(2),
            unknown.batch(2),
            unknown.take(2),
            endless.take(2),
            endless.skip(2),
            unknown.skip(2),
            unknown.repeat(),
            unknown.repeat(2),
            endless.shuffle(2),
            endless.shard(2, 0),
            d.Dataset.range(3).concatenate(endless),
            unknown.concatenate(endless),
            unknown.concatenate(unknown),
            d.Dataset.zip(unknown, d.Dataset.range(2)),
            d.Dataset.zip(endless, endless),
            d.Dataset.zip(endless, unknown),
            d.Dataset.range(3).flat_map(lambda x: d.Dataset.range(x)),
            d.Dataset.range(6).batch(2, drop_remainder=True).unbatch(),
            d.Dataset.range(6).batch(2, drop_remainder=True).rebatch(3),
            d.Dataset.sample_from_datasets([endless, endless]),
            d.Dataset.sample_from_datasets([unknown, endless]),
            d.Dataset.random(),
            *(d.Dataset.range(n).window(*args) for n in (0, 1, 2, 7) for args in ((3,), (3, 1, 2, True), (2, 5))),
        )
    ]


def test_cardinality():
    assert lengths(ours()) == kept(lambda module: lengths(theirs(module)), tf)


def consume(dataset):
    return list(dataset.as_numpy_iterator())


#: Our errors by TensorFlow's names, and how many characters of the message are the same.
OURS = {
    "InvalidArgumentError": InvalidArgumentError,
    "DataLossError": DataLossError,
    "OutOfRangeError": OutOfRangeError,
    "ValueError": ValueError,
    "TypeError": TypeError,
    "StopIteration": StopIteration,
}
ERRORS = {
    "scalar": (lambda d: d.Dataset.from_tensor_slices(5), "Unbatching a tensor is only supported for rank >= 1"),
    "unequal": (lambda d: d.Dataset.from_tensor_slices(([1, 2], [1])), "Dimensions 2 and 1 are not compatible"),
    "ragged list": (
        lambda d: d.Dataset.from_tensor_slices([[1, 2], [1]]),
        "Can't convert non-rectangular Python sequence to Tensor.",
    ),
    "nothing": (lambda d: d.Dataset.from_tensor_slices({}), "Invalid `element`. `element` should not be empty."),
    "step of 0": (lambda d: d.Dataset.range(1, 5, 0), "step must be a non-zero integer"),
    "batch 0": (lambda d: d.Dataset.range(3).batch(0), "Batch size must be greater than zero."),
    "batch -1": (lambda d: d.Dataset.range(3).batch(-1), "Batch size must be greater than zero."),
    "batch 2.0": (lambda d: d.Dataset.range(3).batch(2.0), ""),
    "batch a": (lambda d: d.Dataset.range(3).batch("a"), ""),
    "batch None": (lambda d: d.Dataset.range(3).batch(None), "Attempt to convert a value (None)"),
    "batch of shapes": (
        lambda d: consume(d.Dataset.from_generator(lambda: iter([[1], [1, 2]]), d.dtype("int32"), [None]).batch(2)),
        "Cannot batch tensors with different shapes in component 0. First element had shape [1] and element 1 had "
        "shape "
        "[2]",
    ),
    "shuffle 0": (lambda d: d.Dataset.range(3).shuffle(0), "buffer_size must be greater than zero"),
    "shuffle 2.5": (lambda d: d.Dataset.range(3).shuffle(2.5), ""),
    "endless": (lambda d: len(d.Dataset.range(3).repeat()), "The dataset is infinite."),
    "unknown": (lambda d: len(d.Dataset.range(3).filter(lambda x: True)), "The dataset length is unknown."),
    "predicate": (
        lambda d: consume(d.Dataset.range(5).filter(lambda x: x)),
        "Invalid `predicate`. `predicate` must return a ",
    ),
    "shard 3 of 3": (lambda d: d.Dataset.range(3).shard(3, 3), "Index must be between 0 and 2 (currently index = 3)"),
    "shard of 0": (
        lambda d: d.Dataset.range(3).shard(0, 0),
        "Number of shards must be greater than zero (currently num_shards = 0)",
    ),
    "reduce to another type": (
        lambda d: d.Dataset.range(5).reduce(0, lambda s, x: x),
        "The element types for the new state must match the initial state. Expected ",
    ),
    "concatenate types": (
        lambda d: consume(d.Dataset.range(2).concatenate(d.Dataset.from_tensor_slices([1.0]))),
        "Incompatible dataset elements:",
    ),
    "zip of a list": (
        lambda d: d.Dataset.zip([d.Dataset.range(2), d.Dataset.range(2)]),
        "Invalid input to `zip`. Inputs are expected to be (nested) structures of `tf.data.Dataset` objects.",
    ),
    "zip of nothing": (lambda d: d.Dataset.zip(), "Must pass at least one dataset to `zip`."),
    "padded too small": (
        lambda d: consume(rows(d).padded_batch(2, padded_shapes=[1])),
        "Attempted to pad to a smaller size than the input element.",
    ),
    "padded to another rank": (
        lambda d: consume(rows(d).padded_batch(2, padded_shapes=[1, 2])),
        "The padded shape (1, 2) is not compatible with the shape (",
    ),
    "padded by another type": (
        lambda d: consume(rows(d).padded_batch(2, padding_values=1.5)),
        "Invalid `padding_values`. `padding_values` values type ",
    ),
    "unbatch scalars": (
        lambda d: consume(d.Dataset.range(3).unbatch()),
        "Cannot unbatch an input with scalar components.",
    ),
    "unbatch sizes": (
        lambda d: consume(
            d.Dataset.from_generator(
                lambda: iter([([1, 2], [3])]), (d.dtype("int32"), d.dtype("int32")), ([None], [None])
            ).unbatch()
        ),
        "Input element must have the same batch size in each component. Component 0 had size 2 but component 1",
    ),
    "window of 0": (lambda d: d.Dataset.range(7).window(0), "Window size must be greater than zero."),
    "cycle of 0": (
        lambda d: d.Dataset.range(4).interleave(lambda x: d.Dataset.range(x), cycle_length=0),
        "cycle_length must be greater than zero.",
    ),
    "block of 0": (
        lambda d: d.Dataset.range(4).interleave(lambda x: d.Dataset.range(x), block_length=0),
        "block_length must be greater than zero.",
    ),
    "choice": (lambda d: consume(chosen(d, 1, [0, 5])), "Selector index out of range: 5 >= 2"),
    "weights": (
        lambda d: d.Dataset.sample_from_datasets([d.Dataset.range(3), d.Dataset.range(3)], weights=[0.5]),
        "Invalid `weights`. `weights` should have the same length as `datasets` but got `len(weights)=1` vs. "
        "`len(datasets)=2`.",
    ),
    "single of many": (lambda d: d.Dataset.range(5).get_single_element(), "Dataset had more than one element."),
    "single of none": (lambda d: d.Dataset.range(0).get_single_element(), "Dataset was empty."),
    "generator": (
        lambda d: d.Dataset.from_generator([1, 2], d.dtype("int32")),
        "`generator` must be a Python callable.",
    ),
    "no signature": (
        lambda d: d.Dataset.from_generator(lambda: iter([])),
        "To specify the output signature you need to provide either the `output_signature` argument or the "
        "`output_types` "
        "argument.",
    ),
    "two signatures": (
        lambda d: d.Dataset.from_generator(
            lambda: iter([]), d.dtype("int32"), output_signature=d.spec((), d.dtype("int32"))
        ),
        "The `output_types` argument can not be used together with the `output_signature` argument.",
    ),
    "no files": (lambda d: d.Dataset.list_files("/nonexistent/*"), ""),
    "apply": (
        lambda d: d.Dataset.range(5).apply(lambda data: 3),
        "`transformation_func` must return a `tf.data.Dataset` object. Got <class 'int'>",
    ),
    "prefetch": (lambda d: d.Dataset.range(5).prefetch(-2), "buffer_size must be >= 0 or set buffer_size to be -1"),
    "numpy of windows": (
        lambda d: consume(d.Dataset.range(5).window(2)),
        "`tf.data.Dataset.as_numpy_iterator()` is not supported for datasets that produce ",
    ),
    "threads": (
        lambda d: consume(d.Dataset.range(3).map(lambda x: x, num_parallel_calls=0)),
        "num_parallel_calls must be greater than zero.",
    ),
    "no function": (lambda d: d.Dataset.range(3).map(3), "Argument `func` must be a callable."),
    "bucket sizes": (
        lambda d: d.Dataset.range(3).bucket_by_sequence_length(lambda x: x, [3, 5], [2, 2]),
        "`len(bucket_batch_sizes)` must equal `len(bucket_boundaries) + 1` but ",
    ),
    "end": (lambda d: next(iter(d.Dataset.range(0))), ""),
    "end of get_next": (lambda d: iter(d.Dataset.range(0)).get_next(), "End of sequence"),
}
#: TensorFlow wraps what Python raises within a generator.
RAISED_WITHIN = {
    "a shape": (
        lambda d: d.Dataset.from_generator(lambda: iter([[1, 2]]), output_signature=d.spec((3,), d.dtype("int32"))),
        "`generator` yielded an element of shape (2,) where an element of shape (3,) was expected.",
    ),
    "a type": (
        lambda d: d.Dataset.from_generator(lambda: iter(["a"]), d.dtype("int32")),
        "`generator` yielded an element that did not match the expected structure. The expected structure was ",
    ),
    "a float for an int": (
        lambda d: d.Dataset.from_generator(lambda: iter([1.5]), d.dtype("int32")),
        "`generator` yielded an element that did not match the expected structure. The expected structure was ",
    ),
    "a list for a tuple": (
        lambda d: d.Dataset.from_generator(lambda: iter([[1, 2]]), (d.dtype("int32"), d.dtype("int32"))),
        "`generator` yielded an element that did not match the expected structure. The expected structure was ",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    case, begins = ERRORS[name]
    kind, message = kept(
        lambda module: [*error_of(case, theirs(module))[:1], error_of(case, theirs(module))[1][:300]], tf
    )
    assert begins in message
    with pytest.raises(OURS[kind]) as caught:
        case(ours())
    assert begins.replace("tf.data.Dataset.", "Dataset.").replace("tf.data.Dataset", "Dataset") in str(caught.value)


@pytest.mark.parametrize("name", RAISED_WITHIN)
def test_errors_within_generators(name):
    case, begins = RAISED_WITHIN[name]
    assert kept(lambda module: begins in error_of(lambda d: consume(case(d)), theirs(module))[1], tf)
    with pytest.raises((TypeError, InvalidArgumentError)) as caught:
        consume(case(ours()))
    assert begins in str(caught.value)


def test_numpy_iterator():
    def said(d):
        dataset = d.Dataset.from_tensor_slices({"a": [1, 2], "b": (["x", "y"], np.eye(2))})
        return [(type(e["a"]).__name__, e["b"][0], e["b"][1].tolist()) for e in dataset.as_numpy_iterator()]

    assert said(ours()) == kept(lambda module: said(theirs(module)), tf)


def test_reduce():
    def said(d):
        data = d.Dataset.range(5)
        pair = data.reduce((np.int64(0), 1.0), lambda s, x: (s[0] + x, s[1] * 2))
        of_pairs = d.Dataset.from_tensor_slices(([1, 2], [3, 4])).reduce(0, lambda s, e: s + e[0] * e[1])
        return [int(data.reduce(np.int64(0), lambda s, x: s + x)), int(pair[0]), float(pair[1]), int(of_pairs)]

    assert said(ours()) == kept(lambda module: said(theirs(module)), tf)
