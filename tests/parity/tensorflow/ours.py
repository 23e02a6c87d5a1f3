"""`tf` as scripts see it, for the tests: TensorFlow's names, answered by this package."""

from torchkeras_shim.compat.tf import names


class Names:
    """The names below a path of TensorFlow's."""

    def __init__(self, path=""):
        self._path = path

    def __getattr__(self, name):
        path = f"{self._path}.{name}" if self._path else name
        found = names.find(path)
        if found is names.MODULE:
            return Names(path)
        if found is None and name not in names.inside(self._path):
            raise AttributeError(path)
        return found


tf = Names()
