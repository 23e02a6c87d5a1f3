"""`python -m torchkeras_shim script.py` runs a Keras or TensorFlow script on this library."""

import sys

from torchkeras_shim.compat import runner
from torchkeras_shim.porting import command

if __name__ == "__main__":
    if sys.argv[1:2] in ([command.PORT], [command.MODERNIZE]):
        command.main(sys.argv[1:])
    else:
        runner.main()
