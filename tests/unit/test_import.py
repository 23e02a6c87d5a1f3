"""The public namespace: its names, what importing it costs, and what it says about names that are not there."""

import json
import subprocess
import sys

import pytest

import torchkeras_shim

KERAS_NAMES = {
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "distribution",
    "device",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
    "visualization",
    "wrappers",
}

# Names that Keras's modules have and everyday scripts use.
EVERYDAY = {
    "activations": "relu sigmoid softmax tanh get serialize deserialize",
    "backend": "clear_session epsilon floatx image_data_format set_floatx",
    "callbacks": "Callback CallbackList EarlyStopping History LambdaCallback ModelCheckpoint TerminateOnNaN",
    "config": "dtype_policy epsilon floatx image_data_format set_epsilon set_floatx set_image_data_format",
    "constraints": "MaxNorm NonNeg UnitNorm get",
    "datasets": "mnist fashion_mnist cifar10 cifar100",
    "dtype_policies": "DTypePolicy FloatDTypePolicy get serialize deserialize",
    "initializers": "GlorotUniform HeNormal Zeros Ones Constant RandomNormal TruncatedNormal Orthogonal get",
    "layers": (
        "Activation AveragePooling2D BatchNormalization Conv1D Conv2D Dense Dropout Embedding Flatten "
        "GlobalAveragePooling2D GlobalMaxPooling2D Input InputLayer InputSpec Layer LayerNormalization LeakyReLU "
        "MaxPooling2D Permute ReLU Rescaling Reshape Softmax"
    ),
    "losses": (
        "BinaryCrossentropy CategoricalCrossentropy Huber Loss MeanAbsoluteError MeanSquaredError "
        "SparseCategoricalCrossentropy binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy"
    ),
    "metrics": (
        "AUC Accuracy BinaryAccuracy CategoricalAccuracy Mean MeanAbsoluteError MeanSquaredError Metric Precision "
        "Recall SparseCategoricalAccuracy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy"
    ),
    "mixed_precision": "LossScaleOptimizer Policy global_policy set_global_policy",
    "models": "Model Sequential",
    "ops": "convert_to_numpy convert_to_tensor matmul mean relu reshape softmax sum",
    "optimizers": "Adam AdamW LossScaleOptimizer Optimizer RMSprop SGD schedules get",
    "random": "SeedGenerator normal uniform randint dropout shuffle",
    "regularizers": "L1 L2 L1L2 Regularizer get",
    "saving": "deserialize_keras_object register_keras_serializable serialize_keras_object custom_object_scope",
    "tree": "MAP_TO_NONE flatten map_structure map_structure_up_to pack_sequence_as traverse",
    "utils": "PyDataset normalize register_keras_serializable set_random_seed to_categorical",
}


def test_dir_lists_the_names_of_keras():
    listed = {name for name in dir(torchkeras_shim) if not name.startswith("_")}
    assert listed == KERAS_NAMES
    assert set(torchkeras_shim.__all__) == KERAS_NAMES | {"__version__"}


@pytest.mark.parametrize("name", sorted(KERAS_NAMES))
def test_every_name_is_there(name):
    assert getattr(torchkeras_shim, name) is not None


@pytest.mark.parametrize("module", sorted(EVERYDAY))
def test_modules_hold_their_everyday_names(module):
    namespace = getattr(torchkeras_shim, module)
    assert [name for name in EVERYDAY[module].split() if not hasattr(namespace, name)] == []
    assert set(EVERYDAY[module].split()) <= set(dir(namespace))


def test_a_name_is_one_object_wherever_it_is_asked_for():
    assert torchkeras_shim.Sequential is torchkeras_shim.models.Sequential
    assert torchkeras_shim.Layer is torchkeras_shim.layers.Layer
    assert torchkeras_shim.Input is torchkeras_shim.layers.Input
    assert torchkeras_shim.Metric is torchkeras_shim.metrics.Metric


@pytest.mark.parametrize(
    ("name", "near"), [("Sequental", "Sequential"), ("layer", "layers"), ("optimisers", "optimizers")]
)
def test_a_misspelt_name_gets_the_nearest_ones(name, near):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'. Did you mean .*'{near}'"):
        getattr(torchkeras_shim, name)


def test_a_name_of_keras_that_is_not_there_yet_says_so():
    assert not set(torchkeras_shim.NOT_YET) & KERAS_NAMES
    with pytest.raises(AttributeError, match="'quantizers': Keras has it, this version does not yet"):
        _ = torchkeras_shim.quantizers


def loaded_after_torch(code):
    """Returns the modules that some code loads; what `import torch` loads is torch's own affair."""
    program = (
        f"import sys, json, torch; before = set(sys.modules); {code}; print(json.dumps([*set(sys.modules) - before]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


def test_import_loads_the_public_names_only_when_they_are_used():
    own = {f"torchkeras_shim{name}" for name in ("", ".core", ".core.spinning", ".core.tables")}
    assert loaded_after_torch("import torchkeras_shim") <= own | {"__future__"}


def test_a_config_finds_classes_that_nobody_has_loaded_yet():
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": []}}
    program = f"import torchkeras_shim as k; print(k.saving.deserialize_keras_object({config}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "<Sequential name=s" in result.stdout


def test_no_name_needs_what_only_some_parts_use():
    code = "import torchkeras_shim as keras; [getattr(keras, name) for name in dir(keras)]"
    roots = {name.split(".")[0] for name in loaded_after_torch(code)}
    assert "torchkeras_shim" in roots
    assert not roots & {"torchvision", "pandas", "matplotlib", "sklearn", "scipy", "PIL", "IPython"}
    assert not roots & {"keras", "jax", "tensorflow"}
