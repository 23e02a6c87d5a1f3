"""How long OpenMP's threads wait for one another by spinning, which on a busy machine they do for nothing.

Torch shares a kernel's work between threads that meet at a barrier. GNU's OpenMP lets whoever comes first spin there
300,000 times before it sleeps, in the hope that the others are about to come. Where other programs keep the processors,
the others are not even running. Beside two busy programs on two cores, small perceptrons then came to no end in 45 s in
three of six runs; bounded to 3,000 turns, each of six runs did, at 0.3 to 4.6 ms per step. 3,000 is the least that an
undisturbed step does not notice (0.17 and 0.38 ms for two perceptrons; 0.30 and 0.59 ms with 1,000 turns). Beside one
busy program the bound gains nothing: `docs/how-to/speed.md` has the figures.

Intel's and LLVM's OpenMP gives its processor away while it spins, and is left alone. The library reads the setting
once, when torch is loaded, so that this works only before.
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
