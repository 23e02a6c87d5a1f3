"""One contestant in a process of its own, told over a pipe what to do.

Reads one JSON object per line: `{"do": "prepare", "model": "mlp", "samples": 60000}` builds and trains a first epoch,
and answers how long both took; `{"do": "fit"}`, `"evaluate"` or `"predict"` goes once through the data and answers the
seconds; `{"do": "kernels"}` answers which share of an epoch the kernels of a CUDA device take, and how many launches of
kernels and graphs there are.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

#: What the profiler calls a launch of a kernel or of a graph.
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")


def main(name: str, threads: int) -> None:
    """Serves until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not get between the answers

    def answer(**values: object) -> None:
        answers.write(json.dumps(values) + "\n")

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from contestants import create
    from workloads import WORKLOADS

    try:
        contestant = create(name)
    except ImportError as error:
        answer(error=str(error))
        return
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    answer(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            gc.collect()
            start = time.perf_counter()
            if order["do"] == "prepare":
                contestant.prepare(WORKLOADS[order["model"]], order["samples"])
                contestant.epoch()
                first = time.perf_counter() - start
                contestant.evaluate()
                contestant.predict()
                answer(first=first)
            elif order["do"] == "kernels":
                share, launches = kernel_share(contestant)
                answer(share=share, launches=launches)
            elif order["do"] == "predict":
                contestant.predict()
                answer(seconds=time.perf_counter() - start)
            else:
                loss, accuracy = contestant.epoch() if order["do"] == "fit" else contestant.evaluate()
                answer(seconds=time.perf_counter() - start, loss=loss, accuracy=accuracy)
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}")


def kernel_share(contestant: Any) -> tuple[float | None, int | None]:
    """Returns the share of an epoch's time in which kernels run on the CUDA device, and the number of launches.

    Both are `None` where there is no such device.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None, None
    start = time.perf_counter()
    contestant.epoch()
    seconds = time.perf_counter() - start
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        contestant.epoch()
    events = profile.key_averages()
    on_device = sum(event.self_device_time_total for event in events) / 1e6
    return on_device / seconds, sum(event.count for event in events if event.key in LAUNCHES)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
