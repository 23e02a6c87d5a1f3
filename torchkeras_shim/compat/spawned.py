"""What a child of multiprocessing runs as its `__mp_main__`: the parent's script, with the stand-ins in place."""

from __future__ import annotations

import os
import sys

from torchkeras_shim.compat.finder import install
from torchkeras_shim.compat.runner import SCRIPT_VARIABLE, execute

if __name__ == "__mp_main__":
    install()
    __file__ = sys.argv[0] = os.environ[SCRIPT_VARIABLE]
    execute(__file__, sys.modules[__name__])
