"""The clients of this process: what a fork and the end of the program mean for them."""

import atexit
import os
import sys
import time
from typing import Any, Dict, Protocol

from . import _log

EXIT_TIMEOUT_MS = 5_000
"""For all clients together, when a program ends without having shut them down."""


class Mortal(Protocol):
    """A client, as seen from here."""

    def _born(self) -> None:
        """This process is a child, and what the client had is the parent's."""

    def _hurry(self) -> None:
        """The end is near: send what waits."""

    def shutdown(self, timeout_ms: int) -> int:
        """Deliver, write the rest, end."""


_clients: Dict[int, Mortal] = {}


def add(client: Mortal) -> None:
    """From now on the client is told of forks and of the end. It lives until it is shut down."""
    _clients[id(client)] = client
    _end_with_multiprocessing()


def remove(client: Mortal) -> None:
    """It has been shut down."""
    _clients.pop(id(client), None)


def end() -> None:
    """Ends all clients."""
    deadline = time.monotonic() + EXIT_TIMEOUT_MS / 1_000
    clients = list(_clients.values())
    for client in clients:
        client._hurry()
    for client in clients:
        client.shutdown(max(0, int((deadline - time.monotonic()) * 1_000)))


def _born() -> None:
    for client in list(_clients.values()):
        try:
            client._born()
        except Exception as error:
            _log.failed("a client did not outlive a fork", error)


def _end_with_multiprocessing() -> None:
    """A process of ``multiprocessing`` ends without ``atexit``, but with its own finalizers."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    global _finalized
    if _finalized != os.getpid():
        _finalized = os.getpid()
        util.Finalize(None, end, exitpriority=100)


_finalized = 0
"""The process whose finalizers have been arranged."""

atexit.register(end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_born)
