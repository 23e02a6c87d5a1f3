"""`python -m torchkeras_shim`, compared with plain `python`."""

import subprocess
import sys
import textwrap

import pytest

from torchkeras_shim.compat import runner


def run(*arguments, cwd, door=True):
    """Runs Python with this library's door in front of the arguments, or without."""
    command = [sys.executable, *(["-m", "torchkeras_shim"] if door else []), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def write(path, code):
    path.write_text(textwrap.dedent(code))
    return path


FACTS = """
    import sys, __main__
    import neighbour
    print(__name__, __file__, __package__, sys.argv, sys.path[0], __main__.__dict__ is globals())

    def fail():
        print(1 / 0)

    if len(sys.argv) > 2:
        sys.exit(int(sys.argv[2]))
    fail()
"""


def test_a_script_sees_what_plain_python_shows_it(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "neighbour.py", "")
    write(tmp_path / "sub" / "script.py", FACTS)
    ours, plain = (run("sub/script.py", "--flag", cwd=tmp_path, door=door) for door in (True, False))
    assert ours.stdout == plain.stdout != ""
    assert ours.stderr == plain.stderr
    assert "ZeroDivisionError" in ours.stderr
    assert ours.returncode == plain.returncode == 1


def test_exit_codes_and_syntax_errors_are_those_of_plain_python(tmp_path):
    write(tmp_path / "neighbour.py", "")
    write(tmp_path / "script.py", FACTS)
    assert run("script.py", "--flag", "7", cwd=tmp_path).returncode == 7
    write(tmp_path / "broken.py", "x = (")
    ours, plain = (run("broken.py", cwd=tmp_path, door=door) for door in (True, False))
    assert ours.stderr == plain.stderr
    assert ours.returncode == plain.returncode == 1


def test_a_module_runs_with_its_own_arguments(tmp_path):
    (tmp_path / "package").mkdir()
    write(tmp_path / "package" / "__init__.py", "")
    code = "import sys, tensorflow; from . import __name__ as n; print(tensorflow, n, __name__, sys.argv[1:])"
    write(tmp_path / "package" / "__main__.py", code)
    result = run("-m", "package", "-x", cwd=tmp_path)
    assert result.stderr == ""
    assert result.stdout.startswith("<module 'tensorflow' provided by torchkeras_shim")
    assert result.stdout.endswith("package __main__ ['-x']\n")


@pytest.mark.slow
def test_children_of_multiprocessing_find_the_stand_ins_too(tmp_path):
    code = """
        import multiprocessing
        import keras

        def child(number):
            return number + 1, repr(keras)

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(child, [1]))
    """
    write(tmp_path / "script.py", code)
    result = run("script.py", cwd=tmp_path)
    assert result.stderr == ""
    assert result.stdout.startswith("[(2, \"<module 'keras' provided by torchkeras_shim")


def test_tqdm_shows_its_bars(tmp_path):
    """Its callback assigns `on_batch_end` to itself while `fit` runs."""
    write(
        tmp_path / "bars.py",
        """
        import io
        import numpy as np
        import keras
        from tqdm import tqdm
        from tqdm.keras import TqdmCallback

        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        out = io.StringIO()
        bars = TqdmCallback(verbose=2, file=out, tqdm_class=tqdm, mininterval=0)
        model.fit(np.ones((64, 2)), np.ones((64, 1)), epochs=2, batch_size=8, verbose=0, callbacks=[bars])
        print(["2/2" in out.getvalue(), "8.00/8.00" in out.getvalue(), "loss=" in out.getvalue()])
        """,
    )
    result = run("bars.py", cwd=tmp_path)
    assert result.stdout == "[True, True, True]\n", result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "usage:"), (["-m"], "usage:"), (["-c", "1"], "unknown option -c"), (["none.py"], "can't open file")],
)
def test_wrong_command_lines_exit_with_2(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(runner, "install", lambda: None)  # the real packages may be here, for other tests
    with pytest.raises(SystemExit) as raised:
        runner.main(arguments)
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version(arguments, capsys):
    runner.main(arguments)
    assert "torchkeras_shim" in capsys.readouterr().out
