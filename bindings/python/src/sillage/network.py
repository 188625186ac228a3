"""The network: what carries a batch to the collector and its answer back."""

import enum
import os
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Callable, Mapping, NamedTuple, Optional, Tuple, Union

from ._line import Line

CONNECT_TIMEOUT_S = 10.0
"""Time to a connection, TLS included, for each address that the host's name has. Longer waits end well for few."""

EXCHANGE_TIMEOUT_S = 40.0
"""Time for a whole exchange: what a collector gives a body, and its answer besides. Less than the 90 s after which the
core stops waiting."""

ANSWER_BYTES_MAX = 256 * 1024
"""Bytes of an answer that are read; the core looks at no more."""


@dataclass(frozen=True)
class Answer:
    """What came back, whoever gave it. Redirects are not followed: they are answers."""

    status: int
    """HTTP's."""
    content_type: str = ""
    """The header, or empty."""
    retry_after: str = ""
    """The header, or empty."""
    body: bytes = b""
    """Decompressed; no more than the first 256 KiB are needed, and none if it broke off."""


class NoAnswer(enum.Enum):
    """Why there is no answer. The difference decides whether an event that is given up counts as lost or as unsure."""

    LOST = "lost"
    """The request may have arrived."""
    UNSENT = "unsent"
    """The request certainly did not arrive: there was no connection."""


Reply = Union[Answer, NoAnswer]

Network = Callable[[str, Mapping[str, str], bytes], Reply]
"""POSTs a body with headers to a URL, follows no redirect, and says what came of it, within 60 s. What it raises counts
as lost. It is called from one thread per process, one batch after another."""


class _Kept(NamedTuple):
    """A connection that may serve again."""

    url: str
    process: int
    line: Line


class HttpNetwork:
    """HTTP/1.1 by the standard library over one connection that is kept open.

    Obeys the environment's proxies (``HTTPS_PROXY``, ``NO_PROXY`` and the like). ``tls`` replaces the system's trust,
    for a private certificate authority.
    """

    def __init__(self, tls: Optional[ssl.SSLContext] = None) -> None:
        self._tls = tls
        self._kept: Optional[_Kept] = None

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        deadline = time.monotonic() + EXCHANGE_TIMEOUT_S
        line = self._take(url)
        if line is None:
            try:
                line = Line(url, self._context(url), CONNECT_TIMEOUT_S)
            except (OSError, HTTPException, ValueError):
                return NoAnswer.UNSENT
        try:
            response = line.post(headers, body, deadline)
            answer, is_whole = _read(response, deadline)
        except (OSError, HTTPException, ValueError):
            line.hang_up()
            return NoAnswer.LOST
        if is_whole and not response.will_close:
            self._kept = _Kept(url, os.getpid(), line)
        else:
            line.hang_up()
        return answer

    def close(self) -> None:
        """Ends the connection that is kept open; the next batch opens another."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.line.hang_up()

    def _take(self, url: str) -> Optional[Line]:
        kept, self._kept = self._kept, None
        # A parent's connection is not a child's: both would speak in it.
        if kept is None or kept.process != os.getpid():
            return None
        if kept.url == url and kept.line.is_quiet():
            return kept.line
        kept.line.hang_up()
        return None

    def _context(self, url: str) -> Optional[ssl.SSLContext]:
        if not url.startswith("https:"):
            return None
        self._tls = self._tls or ssl.create_default_context()
        return self._tls


def _read(response: HTTPResponse, deadline: float) -> Tuple[Answer, bool]:
    """The answer, and whether it was read to its end."""

    def header(name: str) -> str:
        return response.headers.get(name, "") or ""

    body, is_whole = bytearray(), False
    try:
        while len(body) <= ANSWER_BYTES_MAX:
            piece = response.read(ANSWER_BYTES_MAX + 1 - len(body))
            if not piece:
                # Without a length, its end is its end.
                is_whole = not response.length
                break
            body += piece
    except (OSError, HTTPException, ValueError):
        if time.monotonic() >= deadline:
            raise
    if len(body) > ANSWER_BYTES_MAX:
        # Not a collector's. As long as the bound, so that the core knows that there was more.
        body = bytearray(b" " * ANSWER_BYTES_MAX)
    elif not is_whole:
        body.clear()
    return Answer(response.status, header("content-type"), header("retry-after"), bytes(body)), is_whole
