"""Boston housing: 506 districts of Boston in 1978, and what houses cost there."""

from __future__ import annotations

from torchkeras_shim.datasets import housing

__all__ = ["load_data"]

_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> housing.Parts:
    """Loads 13 numbers for each of 506 districts, and the median price of a house in thousands of dollars.

    One of the numbers assumes that prices depend on the share of Black people among the residents. Use this data set to
    show what is wrong with that; for anything else there is `california_housing`.

    Args:
        path: The name of the file in the folder of the data sets.
        test_split: The share to test with.
        seed: The seed for the order of the districts.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: tables of shape `(n, 13)`, prices of shape `(n,)`.

    Raises:
        ValueError: If `test_split` is not a share, or the file is damaged.
        OSError: If the file is not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((404, 13), (102,))
    """
    return housing.load(path, "boston_housing.npz", _HASH, test_split=test_split, seed=seed)
