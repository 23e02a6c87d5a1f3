"""`keras.name_scope` against Keras's."""

import torchkeras_shim
from tests.parity.oracle import kept, keras


def paths_in_scopes(k):
    """Returns the paths of what is created in scopes, and what a name that is not one raises."""
    with k.name_scope("outer"):
        dense = k.layers.Dense(2, name="dense")
        dense.build((None, 3))
        paths = [dense.kernel.path, k.Variable([1.0], name="v").path]
        with k.name_scope("inner") as scope:
            paths.append(k.Variable([1.0], name="v").path)
    paths += [scope.name, k.Variable([1.0], name="v").path]
    for name in ("a/b", 3):
        try:
            k.name_scope(name)
        except ValueError as error:
            paths.append(str(error).partition(". Write")[0].rstrip("."))
    return paths


def test_name_scopes_prefix_paths():
    assert paths_in_scopes(torchkeras_shim) == kept(paths_in_scopes, keras)
