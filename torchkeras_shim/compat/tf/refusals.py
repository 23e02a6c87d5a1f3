"""The parts of TensorFlow that are not here, and what to write instead."""

from __future__ import annotations

from torchkeras_shim.compat.tf.api import refuse

refuse(
    "TensorFlow 1's graphs and sessions are not supported: functions run at once. Call the function itself.",
    "Session",
    "InteractiveSession",
    "Graph",
    "get_default_graph",
    "placeholder",
    "global_variables_initializer",
    "compat.v1.Session",
    "compat.v1.placeholder",
    "compat.v1.global_variables_initializer",
    "compat.v1.get_default_graph",
    "compat.v1.disable_eager_execution",
    "compat.v1.disable_v2_behavior",
    "compat.v1.reset_default_graph",
    "compat.v1.train",
)
refuse("Write layers of `tf.keras.layers`.", "layers", "compat.v1.layers", "contrib", "slim")
refuse("Estimators ended with TensorFlow 2.15. Write a Keras model and `fit`.", "estimator", "compat.v1.estimator")
refuse("Write `keras.utils.FeatureSpace`, or preprocessing layers.", "feature_column")
refuse("Write `model.export(path)`; torch models become files for devices by ExecuTorch.", "lite")
refuse("There is no XLA: write `model.compile(jit_compile=True)`.", "xla")
refuse("Write the public function, such as tf.math.add, or the one of torch.", "raw_ops")
refuse("Write Python's `logging`.", "logging")
refuse("Write `tf.io.gfile`, or Python's `open`.", "gfile", "compat.v1.gfile")
refuse(
    "Quantized tensors are not supported. Quantize the modules of `model.to_torch()`, for example by torchao.",
    "quantization",
)
refuse("Use torch.profiler.", "profiler")
refuse("Use torch's `torch.func.jvp`.", "autodiff.ForwardAccumulator")
refuse("TPUs are not supported.", "compat.v1.tpu")
refuse("Write `tf.queue.FIFOQueue`, and pad what you take out.", "queue.PaddingFIFOQueue")
refuse("Write `with tf.GradientTape() as tape:`.", "hessians")
