"""Random histories of payments a second, and how many end wrong: ours, and the usual code's in the same weather.

A history is right when the double of Stripe and our books say the same to the cent and ``audit --stripe`` finds nothing
(``tests/histories``). Beside it ``bench/naive.py``: what the books of the usual code say after as many histories.
"""

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from typing import Any

from apps.payments.sandbox import Sandbox
from bench import naive
from bench.house import own_database, quiet
from bench.measure import say
from tests.histories.telling import STORIES, stage, tell
from tests.histories.town import Town

SAMPLE = 3
"""How many of the histories that ended wrong are told of."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--histories", type=int, default=300, help="histories told in all (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed of each story's first (%(default)s)")


def run(options: Namespace) -> dict[str, Any]:
    """Tell an equal part of the histories of each story, and as many of the rival's; return the figures."""
    each = max(options.histories // len(STORIES), 1)
    seeds = range(options.first_seed, options.first_seed + each)
    with own_database(), quiet(), stage() as (place, sandbox):
        stories = {story: _told(story, seeds, place, sandbox) for story in STORIES}
        rival = _naive(range(options.first_seed, options.first_seed + each * len(STORIES)), sandbox)
    wrong = [line for story in stories.values() for line in story["wrong"]]
    assert not wrong, "\n".join(wrong)
    return {
        "unit": "histories per second, one process, the audit and both sums of books included",
        "histories": each * len(STORIES),
        "wrong": len(wrong),
        "stories": {
            name: {key: value for key, value in told.items() if key != "wrong"} for name, told in stories.items()
        },
        "rival": rival,
        "equal": "audit --stripe is silent; clearing and fees equal the sums of the double's balance transactions",
    }


def _told(story: str, seeds: Iterable[int], place: Town, sandbox: Sandbox) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    wrong, count, begun = [], 0, time.perf_counter()
    for seed in seeds:
        told = tell(story, seed, place=place, sandbox=sandbox)
        seen, count = seen + told.seen, count + 1
        if told.wrong:
            wrong.append(f"{story} {seed}: {told}")
            say(wrong[-1])
    seconds = time.perf_counter() - begun
    say(f"payments: {count} histories of a {story}, {len(wrong)} wrong, {count / seconds:.1f}/s")
    return {"histories": count, "histories_per_s": round(count / seconds, 1), "seen": dict(seen), "wrong": wrong}


def _naive(seeds: Iterable[int], sandbox: Sandbox) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    wrong, count, begun = [], 0, time.perf_counter()
    for seed in seeds:
        found = naive.tell(seed, sandbox=sandbox)
        count += 1
        seen.update(name for name in found)
        if found:
            wrong.append(f"{seed}: {', '.join(found)}")
    return {
        "what": "no operation rows, calls inside the transaction, a new key each time, webhooks believed",
        "histories": count,
        "histories_per_s": round(count / (time.perf_counter() - begun), 1),
        "wrong": len(wrong),
        "why": dict(seen),
        "sample": wrong[:SAMPLE],
    }
