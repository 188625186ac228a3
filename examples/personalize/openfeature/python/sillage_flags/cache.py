"""Profiles that were read lately, as many as fit; those asked for least recently go first."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Lock

from .evaluate import Found


@dataclass
class Entry:
    found: Found
    at: int
    is_doubted: bool = False


class Cache:
    """Any thread may `get` and `forget`; `read` is for the event loop of the provider."""

    def __init__(self, most: int):
        self._most = most
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # in the order of use
        self._reading: dict[str, asyncio.Task[Found]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, person: str) -> Entry | None:
        with self._lock:
            if person in self._entries:
                self._entries.move_to_end(person)
            return self._entries.get(person)

    async def read(self, person: str, now: int, read: Callable[[str], Awaitable[Found]]) -> Found:
        """What `read` gives, kept with the instant it was asked for; several askers share one."""
        with self._lock:
            task = self._reading.get(person)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._keep(person, now, read))
                self._reading[person] = task
                # Whoever still waits is told; nobody need be left.
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # One asker that has waited long enough does not end it for the others.
        return await asyncio.shield(task)

    async def _keep(self, person: str, now: int, read: Callable[[str], Awaitable[Found]]) -> Found:
        me = asyncio.current_task()
        try:
            found = await read(person)
            with self._lock:
                # Unless somebody said in the meantime that it changed: this may be from before.
                if self._reading.get(person) is me:
                    self._entries[person] = Entry(found, now)
                    self._entries.move_to_end(person)
                    if len(self._entries) > self._most:
                        self._entries.popitem(last=False)
            return found
        finally:
            with self._lock:
                if self._reading.get(person) is me:
                    del self._reading[person]

    def forget(self, person: str) -> None:
        with self._lock:
            self._entries.pop(person, None)
            self._reading.pop(person, None)

    def doubt(self) -> None:
        """Nothing may be used without being read again, but it is still better than nothing."""
        with self._lock:
            self._reading.clear()
            for entry in self._entries.values():
                entry.is_doubted = True

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._reading.clear()
