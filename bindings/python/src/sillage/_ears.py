"""Who hears of segments and signals. What they raise stays with them."""

from typing import Callable, List, Optional

from . import _log, signals
from .signals import Signal

OnSegments = Callable[[List[str]], None]
OnSignal = Callable[[Signal], None]


class Ears:
    """The listeners of one client."""

    def __init__(self, on_signal: Optional[OnSignal]) -> None:
        self._on_signal = on_signal or signals.log
        self._on_segments: List[OnSegments] = []
        self._told: Optional[List[str]] = None

    def add(self, listener: OnSegments) -> None:
        """Adds a listener; it is told at once what was told before it came."""
        self._on_segments.append(listener)
        if self._told is not None:
            self._tell(listener, self._told)

    def known(self, segments: List[str]) -> None:
        """What was kept from the last run: who comes later is told of it, and nobody twice."""
        if segments and self._told is None:
            self._told = segments

    def segments(self, segments: List[str]) -> None:
        """Tells that they have changed."""
        if segments == self._told:
            return
        self._told = segments
        for listener in list(self._on_segments):
            self._tell(listener, segments)

    def signal(self, signal: Signal) -> None:
        """Tells what happened."""
        try:
            self._on_signal(signal)
        except Exception as error:
            _log.failed("on_signal raised", error)

    def forget(self) -> None:
        """Nothing has been told yet, as in a process that has just been born."""
        self._told = None

    def _tell(self, listener: OnSegments, segments: List[str]) -> None:
        try:
            listener(list(segments))
        except Exception as error:
            _log.failed("a listener of segments raised", error)
