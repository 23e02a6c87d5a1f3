"""The `tensorflow` of the zero-change mode: TensorFlow's functions on torch tensors."""
