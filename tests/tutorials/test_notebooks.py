"""The notebooks run in a real kernel, and show what they should: one kernel for all, as it takes seconds to start."""

import re
import runpy

import pytest

from tests.tutorials.conftest import ROOT

FOLDER = ROOT / "examples" / "notebooks"

#: Options for a short run, and what must be true of the numbers in what is printed.
NOTEBOOKS = {
    "recommender": (
        ["--users", "300", "--epochs", "6"],
        r"popular ([\d.]+), recommended ([\d.]+)",
        lambda popular, recommended: recommended > 1.3 * popular,
    ),
    "diffusion": (
        ["--epochs", "2", "--steps", "5"],
        r"noise ([\d.]+), drawn ([\d.]+)",
        lambda noise, drawn: drawn < noise / 2,
    ),
    "images_augmented": (
        ["--train", "320", "--epochs", "3", "--plain"],
        r"\nloss ([\d.]+) -> ([\d.]+)",
        lambda first, last: last < 0.95 * first,
    ),
    "small_gpt": (
        ["--epochs", "2", "--steps", "20", "--width", "32", "--context", "32"],
        r"text: ([\d.]+) -> ([\d.]+)",
        lambda before, after: after < before - 1,
    ),
}
NIGHTLY = [name for name in NOTEBOOKS if name != "recommender"]


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """Executes cells in a kernel in which others may have been, and returns their outputs."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(), timeout=120, kernel_name="python3")

    def execute(*sources):
        client.nb.cells = [nbformat.v4.new_code_cell(source) for source in ("%reset -f", *sources)]
        for index, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, index)
        return [cell.outputs for cell in client.nb.cells[1:]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=":")
        patch.setenv("OMP_NUM_THREADS", "1")
        with client.setup_kernel(cwd=str(tmp_path_factory.mktemp("notebooks"))):
            yield execute


def printed(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


def as_seen(text):
    """What a reader sees: a carriage return writes over the line, colours are no text."""
    lines = []
    for line in re.sub(r"\x1b\[\d*m", "", text).split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return "\n".join(lines)


def test_the_notebooks_are_generated():
    """`python examples/notebooks/generate.py` writes them anew."""
    generate = runpy.run_path(str(FOLDER / "generate.py"))
    assert sorted(NOTEBOOKS) == sorted(generate["EXAMPLES"]) == sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    for name in NOTEBOOKS:
        source = (ROOT / "examples" / f"{name}.py").read_text("utf-8")
        assert (FOLDER / f"{name}.ipynb").read_text("utf-8") == generate["notebook_of"](source)


def test_what_a_notebook_shows(execute):
    extension, made, trained, asked, unloaded, again = execute(
        "%load_ext torchkeras_shim\nimport numpy as np\nfrom tensorflow import keras",
        "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name='<b>')])\n"
        "model.compile('sgd', 'mse')\nmodel",
        "model.fit(np.ones((960, 3)), np.ones((960, 1)), epochs=3, validation_split=0.1)",
        "model.predict(np.ones((64, 3)));",
        "%unload_ext torchkeras_shim\nimport importlib.util\nimportlib.util.find_spec('keras')",
        "%reload_ext torchkeras_shim\nimport keras\nkeras",
    )
    assert extension == []
    assert "&lt;b&gt; (Dense)</td>" in made[0].data["text/html"]
    assert made[0].data["text/plain"] == "<Sequential name=sequential, built=True>"
    seen = as_seen(printed(trained))
    number = r"[\d.e+-]+"
    bar = rf"27/27 ━{{20}} 0s \d+[mu]s/step - loss: {number} - val_loss: {number}\n"
    assert re.fullmatch("".join(f"Epoch {epoch}/3\n{bar}" for epoch in (1, 2, 3)), seen)
    assert printed(trained).count("\r") <= 9  # what executes a notebook keeps each drawing
    assert "<svg" in trained[-1].data["text/html"]
    assert re.fullmatch(r"2/2 ━{20} 0s \d+[mu]s/step\n", as_seen(printed(asked)))
    assert not any("torchkeras_shim" in output.get("data", {}).get("text/plain", "") for output in unloaded)
    assert "provided by torchkeras_shim" in again[0].data["text/plain"]
    execute("%unload_ext torchkeras_shim")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] * (name in NIGHTLY)) for name in NOTEBOOKS]
)
def test_notebooks_run(name, execute):
    nbformat = pytest.importorskip("nbformat")
    options, pattern, holds = NOTEBOOKS[name]
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    settings, *rest = code
    assert settings.count("parse_args([])") == 1
    outputs = execute(settings.replace("parse_args([])", f"parse_args({options})"), *rest)
    found = re.search(pattern, "".join(map(printed, outputs)))
    assert holds(*map(float, found.groups())), found.group()
