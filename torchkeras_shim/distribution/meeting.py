"""Where processes find one another: torch's store, with a room in it for each start."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

from torch import distributed
from torch.distributed.rendezvous import rendezvous

_ROOM = "torchkeras_shim"
_SECONDS_BETWEEN_LOOKS = 0.01


def meeting_place(rank: int, count: int, timeout: float) -> Any:
    """Returns a store that the processes of this start have for themselves.

    `torchrun --max-restarts` keeps its store when it starts the processes again, and with it the addresses of those
    that are gone: gloo may read them before the new ones are written, and gives up. So the first process names a room.

    Args:
        rank: This process's number.
        count: How many there are.
        timeout: After how many seconds a process gives up waiting for another one.

    Raises:
        TimeoutError: If the others do not come.
    """
    store = next(rendezvous("env://", rank, count, timeout=timedelta(seconds=timeout)))[0]
    me = uuid.uuid4().hex
    if rank:
        store.set(f"{_ROOM}/{rank}", me)
        room = store.get(f"{_ROOM}/{rank}/{me}").decode()  # waits for the answer
        store.set(f"{_ROOM}/{room}/{rank}", me)
    else:
        room = me
        _receive(store, room, count, time.monotonic() + timeout)
    return distributed.PrefixStore(room, store)  # type: ignore[attr-defined]


def _receive(store: Any, room: str, count: int, end: float) -> None:
    """Tells the room to all who say their name, until each of the others has come in."""
    missing, answered = set(range(1, count)), set[str]()
    while missing:
        for rank in sorted(missing):
            if store.check([f"{_ROOM}/{room}/{rank}"]):
                missing.discard(rank)
            elif store.check([f"{_ROOM}/{rank}"]):
                name = store.get(f"{_ROOM}/{rank}").decode()  # of an earlier start, perhaps
                if name not in answered:
                    answered.add(name)
                    store.set(f"{_ROOM}/{rank}/{name}", room)
        if time.monotonic() > end:
            raise TimeoutError(f"Processes {sorted(missing)} of {count} did not come. Were all of them started?")
        time.sleep(_SECONDS_BETWEEN_LOOKS if missing else 0)
