"""What a child of multiprocessing runs as its `__mp_main__`: the parent's script, with the stand-ins in place."""

from __future__ import annotations

import sys

from torchkeras_shim.compat.finder import install
from torchkeras_shim.compat.runner import execute

if __name__ == "__mp_main__":
    install()
    __file__ = sys.argv[0]
    execute(sys.argv[0], sys.modules[__name__])
