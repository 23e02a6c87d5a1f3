"""A process that ends waits for what other threads have still to put away."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.distributed.launch import free_port

LATE = """
import time
import torch
import torch.distributed as dist
from torchkeras_shim.distribution import initialize

initialize("localhost:{port}", 1, 0)
held = dist.group.WORLD  # somebody keeps the group, and its threads with it
dist.all_reduce(torch.ones(3), async_op=True).get_future().then(lambda _: time.sleep(0.05))
"""


@pytest.mark.subprocess
def test_a_thread_that_is_late_does_not_crash_the_end():
    ended = subprocess.run([sys.executable, "-c", LATE.format(port=free_port())], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
