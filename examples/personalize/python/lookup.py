"""lookup.py [--cluster] [--now MS] [--page FILE] [--measure N] URL PROJECT [PERSON...]

Prints which hero each person sees, a line of JSON for each; without persons, reads them from the
standard input. With --measure, what N lookups of the first one took."""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from hero import Hero

PAGE = Path(__file__).parent.parent / "hero.json"


def line(value: dict) -> str:
    return json.dumps(value, separators=(",", ":"))


async def measure(hero: Hero, person: str, lookups: int) -> dict:
    took, unavailable = [], 0
    for _ in range(lookups):
        started = time.perf_counter()
        answer = await hero.choose(person)
        took.append(round((time.perf_counter() - started) * 1e6))
        unavailable += answer["reason"] == "unavailable"
    took.sort()
    p50, p99 = took[lookups // 2], took[lookups * 99 // 100]
    return {"lookups": lookups, "p50_us": p50, "p99_us": p99, "max_us": took[-1], "unavailable": unavailable}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--now", type=int)
    parser.add_argument("--page", default=PAGE)
    parser.add_argument("--measure", type=int)
    parser.add_argument("url")
    parser.add_argument("project")
    parser.add_argument("person", nargs="*")
    args = parser.parse_args()
    hero = Hero(args.url, args.project, json.loads(Path(args.page).read_text()), args.cluster)
    await hero.warm()
    if args.measure:
        print(line(await measure(hero, args.person[0], args.measure)))
    else:
        for person in args.person or (row.rstrip("\n") for row in sys.stdin):
            print(line(await hero.choose(person, args.now)), flush=True)
    await hero.close()


if __name__ == "__main__":
    asyncio.run(main())
