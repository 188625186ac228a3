"""One native client, and the thread that does what it asks for."""

import threading
import time
from typing import TYPE_CHECKING, Any, Optional

from . import _log, signals
from ._crossing import Crossing
from ._ears import Ears
from .network import Answer, HttpNetwork, Network, NoAnswer

if TYPE_CHECKING:
    from . import _ffi

_WAIT_MS = 60_000
"""The library wakes the thread when there is something to do; this only bounds one wait."""

_PAUSE_S = 1.0
"""After a defect at the boundary, so that the thread does not spin on it."""


class Host:
    """Lends a native client the network of this process.

    The thread is a daemon: it never keeps a program alive. It ends when the client has been shut down.
    """

    def __init__(self, ffi: Any, settings: "_ffi.Settings", network: Optional[Network], ears: Ears) -> None:
        """Starts both; waits for what is on disk, at most 250 ms. Errors: the library's, and the system's."""
        self._ffi = ffi
        self._own_network = HttpNetwork()
        self._network: Network = network or self._own_network
        self._ears = ears
        self.native: "_ffi.Client" = ffi.Client.start(settings)
        self.give = Crossing(ffi, self.native).give
        # The native client may have told of these before anybody could hear it.
        ears.known(self.native.segments())
        self._thread = threading.Thread(target=self._run, name="sillage-network", daemon=True)
        self._thread.start()

    def is_current(self) -> bool:
        """Whether this is the thread itself, which nothing may wait for there."""
        return threading.current_thread() is self._thread

    def join(self, timeout_s: float) -> None:
        """Waits for the thread to end."""
        if not self.is_current():
            self._thread.join(timeout_s)

    def abandon(self) -> None:
        """Forgets a native client that is another process's: its thread is there, and its locks may be held for ever.
        It is leaked, and its destructor never runs here."""
        self.native._handle = None  # type: ignore[assignment]
        self._hang_up()

    def _hang_up(self) -> None:
        self._own_network.close()

    def _run(self) -> None:
        while True:
            try:
                task = self.native.next_task(_WAIT_MS)
                if task.is_ended():
                    return self._hang_up()
                self._do(task)
            except Exception as error:
                _log.failed("a task failed", error)
                time.sleep(_PAUSE_S)

    def _do(self, task: Any) -> None:
        if task.is_upload():
            self.native.upload_done(task.id, self._upload(task))
        elif task.is_segments():
            self._ears.segments(task.segments)
        elif task.is_told():
            self._ears.signal(signals.told(task.signal))

    def _upload(self, task: Any) -> Any:
        headers = {header.name: header.value for header in task.headers}
        try:
            reply = self._network(task.url, headers, task.body)
            if isinstance(reply, Answer):
                return self._ffi.Reply.ANSWER(reply.status, reply.content_type, reply.retry_after, bytes(reply.body))
            return self._ffi.Reply.UNSENT() if reply is NoAnswer.UNSENT else self._ffi.Reply.LOST()
        except Exception as error:
            _log.failed("the network raised", error)
            return self._ffi.Reply.LOST()
