"""Processes that are started again meet one another, not those that are gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from torchkeras_shim.distribution.meeting import meeting_place


@pytest.fixture
def kept_store(monkeypatch):
    """A store that lives on from start to start, as that of `torchrun` does."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    return store


def meet(ranks, timeout=20.0):
    with ThreadPoolExecutor(3) as pool:
        return [one.result() for one in [pool.submit(meeting_place, rank, 3, timeout) for rank in ranks]]


def test_each_start_has_a_room_of_its_own(kept_store):
    for start, ranks in enumerate(([0, 1, 2], [2, 1, 0], [1, 0, 2])):
        stores = meet(ranks)
        stores[0].set("address", str(start))
        assert {store.get("address").decode() for store in stores} == {str(start)}
        assert not stores[0].check(["another"])


def test_names_of_a_start_that_broke_off_do_not_count(kept_store):
    kept_store.set("torchkeras_shim/1", "gone")
    kept_store.set("torchkeras_shim/2", "gone, too")
    assert len(meet([0, 1, 2])) == 3


def test_who_does_not_come_is_named(kept_store):
    with pytest.raises(TimeoutError, match=r"Processes \[1, 2\] of 3 did not come"):
        meet([0], timeout=0.2)
