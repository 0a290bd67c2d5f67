"""Time, medians and where the processor's time went."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Tell the person who waits; stdout is the figures' alone."""
    print(text, file=sys.stderr, flush=True)


def cpu_s_of_rounds(works: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of this process for each work in each round.

    The works take turns, so that a busy neighbour slows each alike; one round before the first is not counted.
    """
    spent: dict[str, list[float]] = {name: [] for name in works}
    for counted in [False, *[True] * rounds]:
        for name, work in works.items():
            before = time.process_time()
            work()
            if counted:
                spent[name].append(time.process_time() - before)
    return spent


def per_second(count: int, seconds: Sequence[float]) -> dict[str, int]:
    """Return how many a second in the middle and the best round."""
    return {"median": round(count / statistics.median(seconds)), "best": round(count / min(seconds))}


def percentile_ms(seconds: Sequence[float], percent: int) -> float:
    """Return the value in milliseconds below which ``percent`` of the measurements lie."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000, 1)


def cpu_s_of_process(pid: int) -> float:
    """Return the user and system CPU seconds a process has used so far (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
