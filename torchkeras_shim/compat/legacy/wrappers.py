"""`keras.wrappers` as it was in Keras 2: what is below it."""

__all__: list[str] = []
