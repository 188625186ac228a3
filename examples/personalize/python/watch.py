"""watch.py [--cluster] [--state FILE] URL PROJECT

Follows who enters and leaves segments: a line of JSON for each, and one when changes may be missing.
With --state it goes on, after a restart, where it was."""

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from redis.asyncio import Redis, RedisCluster

BLOCK_MS = 2000  # how long Redis keeps a question that has no answer yet
CHECK_S = 5  # how often to look whether the stream is still the one that was followed
BATCH = 1000
PAUSES_S = (0.1, 0.2, 0.5, 1, 2)  # between attempts to reach Redis


def order(entry: str) -> tuple[int, int]:
    milliseconds, number = entry.split("-")
    return int(milliseconds), int(number)


class Watcher:
    """Follows the change stream of a project; `last` is the entry that was told last.

    It has a connection of its own: whoever shares one with a blocking command waits for it.
    """

    def __init__(self, url: str, project: str, after: str | None = None, cluster: bool = False):
        client = RedisCluster if cluster else Redis
        # Without a timeout of its own, for that would be shorter than a blocking command takes.
        self._redis = client.from_url(url, decode_responses=True, socket_timeout=None)
        self._key = f"sl:{project}:changes"
        self.last = after
        # How many entries the stream had ever been given when it was checked, and those read since.
        self._added, self._read = 0, 0
        self._checked = 0.0

    async def events(self) -> AsyncIterator[tuple[str, list[dict]]]:
        """Never ends. `live` when Redis answers, `lost` when it does not any more, `changes` with
        some of them, and `gap` when there were changes that nobody can tell now."""
        live, failures = False, 0
        while True:
            try:
                # Longer than Redis waits, so that a connection that hangs is noticed.
                async with asyncio.timeout(BLOCK_MS / 1000 + 2):
                    gap = not live or time.monotonic() - self._checked > CHECK_S
                    gap = gap and await self._has_gap()
                if not live:
                    live, failures = True, 0
                    yield "live", []
                if gap:
                    yield "gap", []
                async with asyncio.timeout(BLOCK_MS / 1000 + 2):
                    entries = await self._entries()
                if entries:
                    yield "changes", entries
            except Exception:
                if live or failures == 0:
                    yield "lost", []
                live = False
                await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                failures += 1

    async def _entries(self) -> list[dict]:
        # After the last entry by its id: `$` would miss what comes between two questions.
        reply = await self._redis.xread({self._key: self.last}, count=BATCH, block=BLOCK_MS)
        streams = reply.values() if isinstance(reply, dict) else [rows for _, rows in reply or []]
        changes = []
        for entry, fields in (row for rows in streams for row in flat(rows)):
            at, version = int(fields["at"]), int(fields["v"])
            changes.append({"entry": entry, **fields, "at": at, "v": version})
            self.last = entry
        self._read += len(changes)
        return changes

    async def _has_gap(self) -> bool:
        """Whether what followed `last` is gone: trimmed, or the stream is a new one, as it is when
        the collector's own face or a Redis without a disk starts again."""
        expected = self._added + self._read
        try:
            info = await self._redis.xinfo_stream(self._key)
            first, length = info["first-entry"], info["length"]
            added = info.get("entries-added", expected)  # Redis 6 does not count them
            first, last = first and first[0], info["last-generated-id"]
        except Exception as error:
            if "no such key" not in str(error):
                raise
            first, last, added, length = None, "0-0", 0, 0
        self._checked = time.monotonic()
        self._added, self._read = added, 0
        if self.last is None:
            self.last = last
            return False
        is_new = added < expected or order(last) < order(self.last)
        is_cut = first is not None and self.last != "0-0" and order(first) > order(self.last)
        if is_new or is_cut:
            # What is there now comes after the gap.
            self.last, self._read = "0-0", 0
            self._added = added - length
            return True
        return False

    async def close(self) -> None:
        await self._redis.aclose()


def flat(rows: list) -> list:
    """The entries of a stream, which some versions of the client wrap in one list more."""
    return [row for more in rows for row in more] if rows and isinstance(rows[0], list) else rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--state", type=Path)
    parser.add_argument("url")
    parser.add_argument("project")
    args = parser.parse_args()
    after = args.state.read_text() if args.state and args.state.exists() else None
    watcher = Watcher(args.url, args.project, after, args.cluster)
    async for kind, changes in watcher.events():
        for row in changes or [{"event": kind}]:
            print(json.dumps(row, separators=(",", ":"), ensure_ascii=False), flush=True)
        if args.state and watcher.last:
            # After it was told, and in one step: a kill repeats changes rather than losing them.
            beside = args.state.with_suffix(".new")
            beside.write_text(watcher.last)
            os.replace(beside, args.state)


if __name__ == "__main__":
    asyncio.run(main())
