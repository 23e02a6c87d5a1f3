"""Scripts with old spellings, or of TensorFlow, before and after `modernize` and `port`."""

import ast
import contextlib
import io
import sys
import warnings

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import compat
from torchkeras_shim.porting import command
from torchkeras_shim.porting.rewriting import modernize, port
from torchkeras_shim.porting.source import UnreadableScriptError

# Lines of a script, and what they are with today's spellings.
LINES = [
    ("from keras.layers.core import Dense, Dropout  # two", "from keras.layers import Dense, Dropout  # two"),
    ("from keras.utils import np_utils\nnp_utils.to_categorical(y, nb_classes=3)",
     "from keras import utils\nutils.to_categorical(y, num_classes=3)"),
    ("from keras.utils.np_utils import to_categorical as tc\ntc(y)",
     "from keras.utils import to_categorical as tc\ntc(y)"),
    ("import keras.layers.core\nkeras.layers.core.Dense(3)", "import keras.layers\nkeras.layers.Dense(3)"),
    ("from keras.constraints import maxnorm\nmaxnorm(2)", "from keras.constraints import MaxNorm\nMaxNorm(2)"),
    ("from keras.constraints import maxnorm as m\nm(2)", "from keras.constraints import MaxNorm as m\nm(2)"),
    ("from keras.layers import Convolution2D as C\nC(8, 3, 3, subsample=(2, 2))",
     "from keras.layers import Conv2D as C\nC(8, (3, 3), strides=(2, 2))"),
    ("import keras\nkeras.layers.Convolution2D(8, 3, 2)", "import keras\nkeras.layers.Conv2D(8, (3, 2))"),
    ("import keras\nkeras.layers.Conv2D(nb_filter=8, nb_row=a, nb_col=3)",
     "import keras\nkeras.layers.Conv2D(filters=8, kernel_size=(a, 3))"),
    ("from keras.layers import CuDNNLSTM\nCuDNNLSTM(3)", "from keras.layers import LSTM\nLSTM(3)"),
    ("from keras.layers import merge\nmerge([a, b], mode='concat', concat_axis=1)",
     "from keras.layers import concatenate\nconcatenate([a, b], axis=1)"),
    ("import keras\nkeras.layers.Dense(3, *a, init='one', **b)",
     "import keras\nkeras.layers.Dense(3, *a, kernel_initializer='ones', **b)"),
    ("import keras\nkeras.optimizers.SGD(lr=0.1, decay=0.0)", "import keras\nkeras.optimizers.SGD(learning_rate=0.1)"),
    ("import keras\nkeras.optimizers.Adam(lr=0.001, beta_1=0.9, epsilon=None, decay=0.0, amsgrad=False)",
     "import keras\nkeras.optimizers.Adam(learning_rate=0.001, beta_1=0.9, amsgrad=False)"),
    ("import keras\nkeras.optimizers.SGD(lr=r, decay=0.1)",
     "import keras\nkeras.optimizers.SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay("
     "r, decay_steps=1, decay_rate=0.1))"),
    ("import keras\nkeras.callbacks.EarlyStopping(monitor='val_acc')",
     "import keras\nkeras.callbacks.EarlyStopping(monitor='val_accuracy')"),
    ("model.fit_generator(g, 10, 3, validation_data=v, workers=2)",
     "model.fit(g, steps_per_epoch=10, epochs=3, validation_data=v)"),
    ("model.fit_generator(generator=g, epochs=3)", "model.fit(x=g, epochs=3)"),
    ("model.evaluate_generator(g, 4)", "model.evaluate(g, steps=4)"),
    ("model.predict_proba(x, 8)", "model.predict(x, 8)"),
    ("model.fit(x, y, nb_epoch=3, verbose=0)", "model.fit(x, y, epochs=3, verbose=0)"),
    ("metric.reset_states()", "metric.reset_state()"),
    ("history.history['val_acc']", "history.history['val_accuracy']"),
    ("model.optimizer.lr", "model.optimizer.learning_rate"),
    ("import keras\no = keras.optimizers.SGD()\no.lr = 3",
     "import keras\no = keras.optimizers.SGD()\no.learning_rate = 3"),
    ("import keras\nkeras.losses.Reduction.SUM", 'import keras\n"sum"'),
    ("from keras import backend as K\nK.mean(x, axis=[0, 1])", "import keras\nkeras.ops.mean(x, axis=[0, 1])"),
    ("from keras.backend import mean\nmean(x)", "import keras\nkeras.ops.mean(x)"),
    ("from keras.layers import *\nDense(3, init='uniform')",
     "from keras.layers import *\nDense(3, kernel_initializer='random_uniform')"),
    ("from tensorflow.python.keras.layers import Dense", "from tensorflow.keras.layers import Dense"),
    ("from keras.src.layers.core.dense import Dense", "from keras.layers import Dense"),
    ("import tensorflow as tf\ntf.keras.layers.Dense(output_dim=3)",
     "import tensorflow as tf\ntf.keras.layers.Dense(units=3)"),
    ("import keras; keras.layers.Dense(output_dim=3); x = 1", "import keras; keras.layers.Dense(units=3); x = 1"),
    ("import keras\nf'{keras.layers.Dense(output_dim=3)}'", "import keras\nf'{keras.layers.Dense(units=3)}'"),
    ("import keras\nkeras.optimizers.SGD(\n  lr=.1,  # rate\n  decay=0.,  # none\n)",
     "import keras\nkeras.optimizers.SGD(\n  learning_rate=.1,  # rate\n    # none\n)"),
    ("from keras.layers import Dense as keras\nkeras(output_dim=3)",
     "from keras.layers import Dense as keras\nkeras(units=3)"),
    ("from keras import backend as K\nK.set_value(a if b else c, 1)", "(a if b else c).assign(1)"),
    ("from keras import backend as K\ndef f(K):\n    return K.mean(1)\nK.sum(x)",
     "import keras\ndef f(K):\n    return K.mean(1)\nkeras.ops.sum(x)"),
    ("def f():\n    from keras.layers.core import Dense\n    return Dense(output_dim=3)",
     "def f():\n    from keras.layers import Dense\n    return Dense(units=3)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), LINES, ids=[before for before, _ in LINES])
def test_modernize(before, after):
    result = modernize(before.encode())
    assert result.code.decode() == after
    assert not result.left
    assert modernize(result.code).code == result.code


# Lines that are no old spelling: of other libraries, of the script's own, or of today.
UNTOUCHED = [
    "import torch\ntorch.optim.SGD(p, lr=0.1)",
    "import torch\nfrom keras.layers import Dense\no = torch.optim.Adam(p, lr=1)\no.lr",
    "from mine import Dense\nDense(output_dim=3)",
    "from keras.layers import Dense\ndef f(Dense):\n    return Dense(output_dim=3)",
    "from keras.layers import Dense\nDense = g(Dense)\nDense(output_dim=3)",
    "from keras.layers import *\nfrom mine import *\nDense(output_dim=3)",
    "import keras\nkeras.layers.Dense(unit=3)",
    "from sklearn import svm\nsvm.fit_generator(x)",
    "d['acc']",
    "from . import keras\nkeras.layers.Dense(output_dim=3)",
    "import keras\nclass Mine(keras.layers.Layer):\n    def fit_generator(self): pass",
    "f(lr=3)",
    "import torch\nclass M(torch.nn.Module):\n    def fit(self, nb_epoch): pass\nM().fit(nb_epoch=3)",
]


@pytest.mark.parametrize("code", UNTOUCHED)
def test_what_is_no_old_spelling_stays(code):
    assert modernize(code.encode()).code.decode() == code


LEFT = [
    ("model.predict_classes(x)", "argmax"),
    ("from keras import backend as K\nK.gradients(l, x)", "torch.autograd.grad"),
    ("from keras.preprocessing.text import Tokenizer\nTokenizer()", "TextVectorization"),
    ("import keras\nkeras.layers.Dense(3, weights=[w])", "set_weights"),
    ("model.fit_generator(g, samples_per_epoch=100)", "steps_per_epoch"),
    ("import keras\nkeras.layers.Conv2D(3, 3, dim_ordering=o)", "dim_ordering"),
    ("import keras\nm = keras.Sequential()\nm.reset_states()", "reset_state"),
    ("model.compile(metrics=['acc'])\nhistory.history['acc']", "acc"),
    ("import keras\nkeras.layers.Convolution2D(3, 3, 3, 'uniform')", "activation="),
    ("from keras.layers import merge\nmerge([a, b], mode=f)", "Lambda"),
    ("from keras.src.saving import serialization_lib as s\ns.SafeModeScope(True)", "SafeModeScope"),
]


@pytest.mark.parametrize(("code", "reason"), LEFT, ids=[code for code, _ in LEFT])
def test_what_has_no_spelling_of_today_is_left_and_listed(code, reason):
    result = modernize(code.encode())
    assert result.code.decode() == code
    assert [note.line for note in result.left] == [code.count("\n") + 1]
    assert reason in result.left[0].text


PORTED = [
    ("import keras", "import torchkeras_shim as keras"),
    ("import keras as k\nk.Model", "import torchkeras_shim as k\nk.Model"),
    ("from tensorflow import keras\nkeras.Model", "import torchkeras_shim as keras\nkeras.Model"),
    ("from tensorflow.keras import layers, models\nlayers.Dense(3)",
     "from torchkeras_shim import layers, models\nlayers.Dense(3)"),
    ("import os, keras  # both\nkeras.Model", "import os, torchkeras_shim as keras  # both\nkeras.Model"),
    ("import tensorflow as tf, os\ntf.keras.Model", "import torchkeras_shim as keras\nimport os\nkeras.Model"),
    ("import tensorflow.keras.layers as l\nl.Dense(3)", "import torchkeras_shim.layers as l\nl.Dense(3)"),
    ("import tensorflow as tf\nkeras = 3\ntf.keras.Model", "import torchkeras_shim\nkeras = 3\ntorchkeras_shim.Model"),
    ("try:\n    import keras\nexcept ImportError:\n    from tensorflow import keras\nkeras.Model",
     "try:\n    import torchkeras_shim as keras\nexcept ImportError:\n    import torchkeras_shim as keras\n"
     "keras.Model"),
    ("try:\n    import tensorflow as tf\nexcept ImportError:\n    raise\ntf.keras.Model",
     "import torchkeras_shim as keras\ntry:\n    pass\nexcept ImportError:\n    raise\nkeras.Model"),
    ("import keras\nkeras.preprocessing.text.Tokenizer()\nkeras.Model",
     "from keras.preprocessing.text import Tokenizer\nimport torchkeras_shim as keras\nTokenizer()\nkeras.Model"),
    ("from keras.layers import (Dense,  # one\n                          LSTM)",
     "from torchkeras_shim.layers import (Dense,  # one\n                          LSTM)"),
    ('"""Says."""\nfrom __future__ import division\ndef f():\n    import tensorflow as tf\n    return tf.exp(1.0)',
     '"""Says."""\nfrom __future__ import division\nimport torchkeras_shim as keras\ndef f():\n'
     "    return keras.ops.exp(1.0)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), PORTED, ids=[before for before, _ in PORTED])
def test_port_of_imports(before, after):
    result = port(before.encode())
    assert result.code.decode() == after
    ast.parse(result.code)
    assert port(result.code).code == result.code


def test_form_of_the_text_stays():
    code = "\ufeff# caf\xe9\r\nimport keras\r\n\r\nkeras.layers.Dense( output_dim = 3 ,init='one' )  # \xe9\r\n"
    after = code.replace("output_dim", "units").replace("init='one'", "kernel_initializer='ones'")
    assert modernize(code.encode("utf-8")).code == after.encode("utf-8")
    latin = "# -*- coding: latin-1 -*-\nimport keras\nkeras.layers.Dense(output_dim=3, name='\xe9')\n"
    assert modernize(latin.encode("latin-1")).code == latin.replace("output_dim", "units").encode("latin-1")
    assert modernize(b"").code == b""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"print 'x'\n", "not Python 3: line 1.*Python 2"),
        (b"x = (\n", "not Python 3"),
        (b"import keras\nx = '\xe9'\n", "cannot be read as text.*coding"),
        (b"# -*- coding: nonsense -*-\n", "cannot be read as text"),
    ],
)
def test_what_is_no_script_says_so(code, message):
    with pytest.raises(UnreadableScriptError, match=message):
        port(code)


# Whole scripts: as they are and modernized in the zero-change mode, and ported without it, they have the same `result`.
SCRIPTS = {
    "keras 1": '''
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.utils import np_utils
from keras.optimizers import SGD
from keras.constraints import maxnorm
import keras
keras.utils.set_random_seed(1)
rng = np.random.RandomState(0)
x, y = rng.rand(12, 6, 6, 1), np_utils.to_categorical(rng.randint(0, 3, 12), nb_classes=3)
model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode="same", dim_ordering="tf", input_shape=(6, 6, 1)))
model.add(MaxPooling2D(pool_size=(2, 2), border_mode="valid"))
model.add(Flatten())
model.add(Dense(output_dim=8, init="uniform", W_constraint=maxnorm(2), W_regularizer="l2"))  # small
model.add(Dropout(p=0.25))
model.add(Dense(3, activation="softmax", bias=False))
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.1, decay=0.01), metrics=["accuracy"])
history = model.fit(x, y, batch_size=4, nb_epoch=2, verbose=0, shuffle=False)
result = [history.history["acc"], history.history["loss"], model.predict_proba(x, verbose=0)]
''',
    "keras 2": '''
import numpy as np
from keras import backend as K
from keras.layers import *
from keras.models import Model
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
import keras.optimizers as opt
from keras import utils
utils.set_random_seed(2)

def loss(y_true, y_pred):
    return K.mean(K.square(y_pred - y_true), axis=-1) + 0.1 * K.sum(K.abs(y_pred), axis=-1)

def batches():
    rng = np.random.RandomState(0)
    while True:
        yield rng.rand(4, 5), rng.rand(4, 2)

inputs = Input((5,))
hidden = Lambda(lambda t: K.concatenate([t, K.sqrt(K.abs(t))]))(inputs)
outputs = Dense(2)(Dense(4, activation="relu")(hidden))
model = Model(inputs, outputs)
model.compile(opt.Adam(lr=0.01), loss=loss)
history = model.fit_generator(batches(), 3, 2, verbose=0, validation_data=batches(), validation_steps=2, workers=1,
                              callbacks=[ReduceLROnPlateau(monitor="val_loss", patience=0, min_delta=10.0)])
K.set_value(model.optimizer.lr, 0.5)
result = [history.history["val_loss"], history.history["lr"], float(K.get_value(model.optimizer.lr)),
          model.evaluate_generator(batches(), 2), K.int_shape(outputs)[1]]
''',
    "tf.keras": '''
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(3)


class Sampling(layers.Layer):
    """Draws."""

    def call(self, inputs):
        mean, log_var = inputs
        batch = tf.shape(mean)[0]
        noise = tf.ones(shape=(batch, 2)) * 0.5
        return mean + tf.exp(0.5 * log_var) * noise


inputs = tf.keras.Input(shape=(4,))
x = layers.Dense(6, activation=tf.nn.relu)(inputs)
z = Sampling()([layers.Dense(2)(x), layers.Dense(2)(x)])
model = tf.keras.Model(inputs, z)


def loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - y_pred), axis=-1)


model.compile(optimizer=tf.optimizers.Adam(0.01), loss=loss)
data = np.linspace(0, 1, 32).reshape(8, 4).astype("float32")
history = model.fit(data, data[:, :2], epochs=2, verbose=0)
metric = tf.keras.metrics.Mean()
metric.update_state(tf.constant([1.0, 3.0]))
first = float(metric.result())
metric.reset_states()
result = [history.history["loss"], model.predict(data, verbose=0), first, float(metric.result()),
          tf.clip_by_value(tf.concat([data, data], axis=1), 0.2, 0.8)]
''',
}  # fmt: skip


def _run(code):
    found = {"__name__": "script"}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(compile(code, "script.py", "exec"), found)
    return found["result"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_compute_what_they_did(name, clean):
    code = SCRIPTS[name].encode()
    modern, ported = modernize(code), port(code)
    assert modern.code != code
    assert not ported.left
    assert b"import keras" not in ported.code
    assert b"tensorflow" not in ported.code
    compat.install()
    before, between = _run(code), _run(modern.code)
    compat.uninstall()
    after = _run(ported.code)
    assert not [name for name in sys.modules if name.partition(".")[0] in ("keras", "tensorflow")]
    for one, other, third in zip(before, between, after, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        np.testing.assert_allclose(np.asarray(one), np.asarray(third), rtol=1e-6)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("rewrite", [modernize, port])
def test_doing_it_twice_changes_nothing(name, rewrite):
    once = rewrite(SCRIPTS[name].encode())
    twice = rewrite(once.code)
    assert twice.code == once.code
    assert not twice.changed


class TestCommand:
    def test_port_into_a_file(self, tmp_path, capsys):
        script, out = tmp_path / "a.py", tmp_path / "b.py"
        script.write_bytes(b"import keras\r\nkeras.layers.Dense(output_dim=3)\r\nkeras.backend.gradients(a, b)\r\n")
        command.main(["port", str(script), "-o", str(out)])
        assert out.read_bytes().startswith(
            b"from keras.backend import gradients\r\nimport torchkeras_shim as keras\r\n"
        )
        printed = capsys.readouterr()
        assert printed.out == ""
        assert f"{script}:2: Dense(output_dim=) -> keras.layers.Dense(units=3)" in printed.err
        assert f"{script}:3: keras.backend.gradients: " in printed.err
        assert "python -m torchkeras_shim" in printed.err

    def test_modernize_prints(self, tmp_path, capfdbinary):
        script = tmp_path / "a.py"
        script.write_bytes(b"import keras.layers.core\n")
        command.main(["--modernize", str(script)])
        assert capfdbinary.readouterr().out == b"import keras.layers\n"

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["port", "missing.py"], 2, "can't open file 'missing.py'"),
            (["--modernize"], 2, "required: script"),
        ],
    )
    def test_mistakes(self, arguments, status, message, capsys):
        with pytest.raises(SystemExit) as left:
            command.main(arguments)
        assert left.value.code == status
        assert message in capsys.readouterr().err

    def test_a_script_that_cannot_be_read(self, tmp_path, capsys):
        script = tmp_path / "a.py"
        script.write_text("print 'x'\n")
        with pytest.raises(SystemExit) as left:
            command.main(["port", str(script)])
        assert left.value.code == 1
        assert f"{script} is not Python 3" in capsys.readouterr().err

    def test_without_libcst(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "libcst", None)
        monkeypatch.delitem(sys.modules, "torchkeras_shim.porting.rewriting", raising=False)
        monkeypatch.delitem(sys.modules, "torchkeras_shim.porting.bindings", raising=False)
        with pytest.raises(SystemExit):
            command.main(["port", __file__])
        assert 'pip install "torchkeras_shim[port]"' in capsys.readouterr().err


def test_library_names_are_this_library():
    assert keras.__name__ == "torchkeras_shim"
