"""`python -m torchkeras_shim script.py` runs a Keras or TensorFlow script on this library."""

from torchkeras_shim.compat.runner import main

if __name__ == "__main__":
    main()
