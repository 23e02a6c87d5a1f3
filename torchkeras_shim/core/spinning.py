"""How long OpenMP's threads wait for one another by spinning, which on a busy machine they do for nothing.

Torch shares a kernel's work between threads that meet at a barrier. GNU's OpenMP lets whoever comes first spin there
300,000 times before it sleeps, in the hope that the others are about to come. Where another program keeps a processor,
the others are not even running: a small perceptron's step of 0.14 ms was seen to take 62 ms, and 1.5 ms with a bound of
3,000, which an undisturbed step does not notice. The OpenMP of Intel and LLVM gives its processor away while it spins
(0.7 ms in the same situation), and is left alone.

The library reads the setting once, when torch is loaded, so that this works only before.
"""

from __future__ import annotations

import os
import sys

#: Set this environment variable to 0, and OpenMP's own default stays.
SWITCH = "TORCHKERAS_SHIM_BOUND_SPINNING"
#: What GNU's OpenMP reads, and how many turns of a loop threads wait.
SETTING, TURNS = "GOMP_SPINCOUNT", "3000"


def bound_spinning() -> bool:
    """Bounds spinning for this process and the children it starts, if torch is yet to be loaded.

    Returns:
        Whether it did: not where torch is loaded, where the user has set how threads wait, or where `SWITCH` is 0.
    """
    decided = SETTING in os.environ or "OMP_WAIT_POLICY" in os.environ
    if "torch" in sys.modules or os.environ.get(SWITCH) == "0" or decided:
        return False
    os.environ[SETTING] = TURNS
    return True
