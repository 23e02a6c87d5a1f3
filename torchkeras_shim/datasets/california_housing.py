"""California housing: 20,640 districts of California in 1990, and what houses cost there."""

from __future__ import annotations

from torchkeras_shim.datasets import housing

__all__ = ["load_data"]

_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
_ROWS = {"small": 600, "large": None}


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> housing.Parts:
    """Loads 8 numbers for each district, and the median price of a house in dollars.

    The numbers are longitude, latitude, the age of the houses, rooms, bedrooms, residents, households and income.

    Args:
        version: `"large"` for all districts, `"small"` for the first 600.
        path: The name of the file in the folder of the data sets.
        test_split: The share to test with.
        seed: The seed for the order of the districts.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: tables of shape `(n, 8)`, prices of shape `(n,)`.

    Raises:
        ValueError: If `test_split` is not a share, `version` is unknown, or the file is damaged.
        OSError: If the file is not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((16512, 8), (4128,))
    """
    if version not in _ROWS:
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version}")
    rows = _ROWS[version]
    return housing.load(path, "california_housing.npz", _HASH, test_split=test_split, seed=seed, rows=rows)
