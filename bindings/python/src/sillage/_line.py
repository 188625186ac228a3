"""One connection, on which each exchange has a deadline as a whole and not for each packet."""

import io
import socket
import ssl
import time
from base64 import b64encode
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, Dict, Mapping, Optional
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from . import _log

# Python would import this codec at the first connection. A fork in the middle of that leaves the child with a lock that
# nobody in it will ever let go; so it is imported with us.
"".encode("idna")


class Line:
    """A connection to where a URL points, through the proxy that the environment names for it."""

    def __init__(self, url: str, tls: Optional[ssl.SSLContext], timeout_s: float) -> None:
        """Connects. Errors: ``OSError``, ``HTTPException``, ``ValueError``; nothing has been sent then."""
        parts = urlsplit(url)
        proxy = _proxy(parts)
        self._target = parts.path or "/"
        self._headers: Dict[str, str] = {}
        host, port = parts.hostname or "", parts.port or (443 if tls else 80)
        via = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
        self._http: HTTPConnection
        if tls:
            self._http = HTTPSConnection(*via, timeout=timeout_s, context=tls)
            if proxy:
                self._http.set_tunnel(host, port, _authorization(proxy))
        else:
            self._http = HTTPConnection(*via, timeout=timeout_s)
            if proxy:
                self._target = url
                self._headers = {"host": parts.netloc.rpartition("@")[2], **_authorization(proxy)}
        self._http.connect()
        self._socket: socket.socket = self._http.sock
        self._timed = _Timed(self._socket)
        self._http.sock = self._timed

    def post(self, headers: Mapping[str, str], body: bytes, deadline: float) -> HTTPResponse:
        """Sends a request and reads the head of the answer. ``deadline`` is of the monotonic clock, and holds for
        reading the body as well."""
        self._timed.deadline = deadline
        self._http.request("POST", self._target, body, {**self._headers, **headers})
        return self._http.getresponse()

    def is_quiet(self) -> bool:
        """Whether nothing has come since the last answer, not even the end."""
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
            return False
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except (OSError, ValueError):
            return False

    def hang_up(self) -> None:
        """Ends the connection."""
        try:
            self._socket.close()
        except OSError:
            pass


class _Timed:
    """As much of a socket as ``http.client`` uses."""

    def __init__(self, wrapped: socket.socket) -> None:
        self._wrapped = wrapped
        self.deadline = 0.0

    def _wait(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("the exchange takes too long")
        self._wrapped.settimeout(left)
        return self._wrapped

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._wait().send(view) :]

    def recv_into(self, place: Any) -> int:
        return self._wait().recv_into(place)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Does nothing: ``http.client`` calls it before the last body has been read."""


class _Reader(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, place: Any) -> int:
        return self._timed.recv_into(place)


def _proxy(target: SplitResult) -> Optional[SplitResult]:
    proxies = getproxies()
    named = proxies.get(target.scheme) or proxies.get("all")
    if not named or proxy_bypass(target.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http":
        _log.once(f"proxies of type {proxy.scheme} cannot be used: nothing is sent until another is named")
        raise OSError("no way through this proxy")
    return proxy


def _authorization(proxy: SplitResult) -> Dict[str, str]:
    if proxy.username is None:
        return {}
    said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(said.encode()).decode()}"}
