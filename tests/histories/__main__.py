"""``python -m tests.histories STORY SEED [SEED …]``: tell histories again, with each step; exit 1 if one ends wrong."""

import os
import sys
import time
from argparse import ArgumentParser
from collections import Counter

import django


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    django.setup()
    from bench.house import own_database, quiet
    from tests.histories.telling import STORIES, stage, tell

    parser = ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("story", choices=sorted(STORIES))
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--many", type=int, default=0, help="tell so many from the seed on, without their steps")
    options = parser.parse_args()
    seeds = range(options.seeds[0], options.seeds[0] + options.many) if options.many else options.seeds
    wrong, seen = 0, Counter()
    with own_database(), quiet(), stage() as (place, sandbox):
        begun = time.perf_counter()
        for seed in seeds:
            told = tell(options.story, seed, place=place, sandbox=sandbox)
            wrong += bool(told.wrong)
            seen += told.seen
            if not options.many:
                print("\n".join(told.steps))
            if told.wrong or not options.many:
                print(f"{options.story} {seed}: {told if told.wrong else 'both books are equal'}", flush=True)
        print(
            f"{len(seeds) / (time.perf_counter() - begun):.1f} histories/s, {wrong} wrong; {dict(seen)}",
            file=sys.stderr,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
