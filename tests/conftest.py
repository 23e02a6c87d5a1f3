"""What every test shares: fixed seeds, a device fixture and fresh names."""

from __future__ import annotations

import gc
import logging
import os
import random
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded: each worker has a core of its own

import numpy as np
import pytest
import torch

from tests.oracle import plugin
from torchkeras_shim.core import naming
from torchkeras_shim.ops import crossentropy


def pytest_addoption(parser):
    plugin.add_options(parser)


class FreshNames:
    """Gives the examples in docstrings their first automatic names, whichever were run before in the same process."""

    def pytest_runtest_setup(self, item):
        if isinstance(item, pytest.DoctestItem):
            naming.reset_uids()


def pytest_configure(config):
    config.pluginmanager.register(plugin.Oracle(config), "oracle")
    config.pluginmanager.register(FreshNames(), "fresh names")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Runs the whole suite on all cores, if pytest-xdist is installed. `-n 0` runs it in one process."""
    option, cores = config.option, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    whole = config.args_source is config.ArgsSource.TESTPATHS and not option.collectonly
    whole = whole and not hasattr(config, "workerinput")  # a worker is not to start workers
    one_process = getattr(option, "numprocesses", 0) is not None or option.dist != "no" or option.renew or option.usepdb
    if whole and cores > 1 and not one_process:
        option.numprocesses, option.dist = min(cores, 8), "worksteal"


#: What the tests of a folder have in common, as a marker: `-m "not subprocess"` leaves them out.
FOLDERS = {"parity": "oracle", "parity/tensorflow": "tensorflow", "gpu": "gpu", "tutorials": "subprocess"}


def pytest_collection_modifyitems(config, items):
    tests = Path(__file__).parent
    for module in {getattr(item, "module", None) for item in items} - {None}:
        _generators[module] = [
            (value, value.get_state() if isinstance(value, np.random.RandomState) else value.bit_generator.state)
            for value in vars(module).values()
            if isinstance(value, (np.random.RandomState, np.random.Generator))
        ]
    markers = {}
    for item in items:
        if item.path not in markers:
            folders = item.path.relative_to(tests).parents if item.path.is_relative_to(tests) else ()
            markers[item.path] = [FOLDERS[name] for folder in folders if (name := folder.as_posix()) in FOLDERS]
        for marker in markers[item.path]:
            item.add_marker(marker)
    if not config.option.against_keras:  # what is marked `nightly` keeps no answers
        left_out = {item for item in items if item.get_closest_marker("nightly")}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _seed():
    random.seed(0)
    np.random.seed(0)
    if torch.cuda.is_initialized() or hasattr(torch, "stand_in"):
        torch.manual_seed(0)
    else:  # without noting where it was called, once for each kind of device that is not in use: 10 µs against 2 ms
        torch.default_generator.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Spares the garbage collector all that is there before the first test: half a second of each full collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collectstart(collector):
    """What a file of tests draws while it is imported is the same in every run."""
    _seed()


#: The random generators that files of tests have made for all of their tests, with their states after the import.
_generators = {}


@pytest.fixture(autouse=True)
def _seeded(request):
    """Every test starts from the same random state and the same automatic names, whichever were run before."""
    _seed()
    for generator, state in _generators.get(getattr(request, "module", None), ()):
        if isinstance(generator, np.random.RandomState):
            generator.set_state(state)
        else:
            generator.bit_generator.state = state
    naming.reset_uids()
    crossentropy._warned.clear()


@pytest.fixture(autouse=True, scope="module")
def _small_memory():
    """What the oracle compiled for one file of tests is of no use to the next."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture
def logged():
    """What the library says to its logger, from the level INFO on.

    In place of `caplog`, whose plugin goes through all loggers of the process six times for each test: 2 ms.
    """
    messages, logger, handler = [], logging.getLogger("torchkeras_shim"), logging.Handler()
    level, handler.emit = logger.level, lambda record: messages.append(record.getMessage())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield messages
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Each device that is here."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device(request.param)
