"""Spellings of Keras 1, Keras 2 and tf.keras that Keras 3 dropped, for scripts that run in the zero-change mode.

Only the stand-ins know them: `import torchkeras_shim as keras` without `compat.install()` is as strict as Keras 3. Each
one does what it did, and warns once with the spelling of today; where it cannot, the error names that spelling.
"""
