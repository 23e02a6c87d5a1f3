"""One contestant in a process of its own, told over a pipe what to do.

Reads one JSON object per line: `{"do": "prepare", "model": "mlp", "samples": 60000}` builds and trains one epoch that
does not count; `{"do": "round"}` trains one epoch and answers its seconds.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time


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
        answer(error=f"not installed: {error}")
        return
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    answer(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "prepare":
                contestant.prepare(WORKLOADS[order["model"]], order["samples"])
                contestant.epoch()
                answer(ready=True)
            else:
                gc.collect()
                start = time.perf_counter()
                loss, accuracy = contestant.epoch()
                answer(seconds=time.perf_counter() - start, loss=loss, accuracy=accuracy)
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
