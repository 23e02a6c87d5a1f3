from tests.unit.compat.conftest import clean, installed  # noqa: F401
