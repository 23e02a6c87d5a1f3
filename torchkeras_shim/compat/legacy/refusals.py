"""Names of older versions that are gone for good, and what to write instead."""

from __future__ import annotations

_GRAPH = "Write a functional model: `keras.Model(inputs, outputs)`."
_TRAINING = "Write `model.fit`, or a loop of your own."
_SEVERAL = "Start the script by `torchrun`: `fit` then trains on several devices."
_QUEUES = "`model.fit` reads a `keras.utils.PyDataset` or a generator by itself, in the background."
_RECURRENT = "Write a cell, and `keras.layers.RNN(cell)`."
_KERNELS = "Kernels of files of Theano are turned when the file is loaded. Leave the line out."

#: What to write, by the last part of the name, or by the whole path below `keras` where it depends on that.
_ADVICE: dict[str, str] = {
    "Graph": _GRAPH,
    "Siamese": _GRAPH,
    "containers": "Write `keras.models`.",
    "model_from_yaml": "Read JSON: `keras.models.model_from_json(text)`. YAML files could run code.",
    "multi_gpu_model": _SEVERAL,
    "multi_gpu_utils": _SEVERAL,
    "dtensor": _SEVERAL,
    "HDF5Matrix": "Open the file by `h5py.File(path)`, and give `fit` its arrays or a `keras.utils.PyDataset` of them.",
    "estimator": f"Estimators ended with TensorFlow 2.15. {_TRAINING}",
    "premade": f"Write the layers: a linear model is one `Dense`. {_TRAINING}",
    "LinearModel": "Write `keras.layers.Dense(units)`.",
    "WideDeepModel": "Write a functional model that adds a `Dense` of the features to the deep part.",
    "PeepholeLSTMCell": _RECURRENT,
    "SequenceFeatures": "Write `keras.utils.FeatureSpace`, or preprocessing layers.",
    "DenseFeatures": "Write `keras.utils.FeatureSpace`, or preprocessing layers.",
    "SidecarEvaluator": "Write `validation_data=` in `model.fit`, or load the checkpoints and call `model.evaluate`.",
    "DatasetCreator": "Give `model.fit` the data set itself.",
    "utils.experimental": "Give `model.fit` the data set itself.",
    "theano_backend": "Write `from keras import backend as K`.",
    "cntk_backend": "Write `from keras import backend as K`.",
    "Recurrent": _RECURRENT,
    "ConvRecurrent2D": _RECURRENT,
    "interfaces": "The decorators for old keywords are gone: leave them out.",
    "OrderedEnqueuer": _QUEUES,
    "GeneratorEnqueuer": _QUEUES,
    "SequenceEnqueuer": _QUEUES,
    "convert_all_kernels_in_model": _KERNELS,
    "convert_kernel": _KERNELS,
    "convert_dense_weights_data_format": _KERNELS,
    "print_summary": "Write `model.summary()`.",
    "count_params": "Write `layer.count_params()`.",
    "probas_to_classes": "Write `probabilities.argmax(axis=-1)`.",
    "categorical_probas_to_classes": "Write `probabilities.argmax(axis=-1)`.",
    "TFOptimizer": "Write an optimizer of `keras.optimizers`, or give `compile` one of torch.optim.",
    "optimizer_v2": "Write `keras.optimizers`.",
    "BaseLogger": "`fit` averages the results itself.",
    "PyMetric": "Write a subclass of `keras.metrics.Metric`.",
    "metrics.precision": "Write `keras.metrics.Precision()`; Keras 1 averaged the precisions of batches.",
    "metrics.recall": "Write `keras.metrics.Recall()`; Keras 1 averaged the recalls of batches.",
    "metrics.fbeta_score": "Write `keras.metrics.FBetaScore(beta=...)`; Keras 1 averaged the scores of batches.",
    "metrics.fmeasure": "Write `keras.metrics.F1Score()`; Keras 1 averaged the scores of batches.",
    "metrics.matthews_correlation": "Write a subclass of `keras.metrics.Metric`.",
    "regularizers.EigenvalueRegularizer": "Write a function of the weights that returns the penalty.",
    "applications.music_tagger_crnn": "Its weights are no longer offered.",
    "load_weights_from_hdf5_group": "Write `model.load_weights(path)`.",
    "load_weights_from_hdf5_group_by_name": "Write `model.load_weights(path, by_name=True)`.",
    "preprocess_weights_for_loading": "Write `model.load_weights(path)`, which converts weights of older files.",
    "terminate_keras_multiprocessing_pools": "There are no pools: leave the line out.",
    "__internal__": "Write the public name.",
}


def advice(path: str) -> str:
    """Returns what to write instead of a name of older versions, or nothing.

    Args:
        path: Where the name was, below `keras`.

    Example:
        >>> advice("models.model_from_yaml")
        'Read JSON: `keras.models.model_from_json(text)`. YAML files could run code.'
        >>> advice("layers.Dens")
        ''
    """
    return _ADVICE.get(path) or _ADVICE.get(path.rpartition(".")[2], "")
