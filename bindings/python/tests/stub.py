"""A collector that answers as a test wants, and remembers what it was told."""

import gzip
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

Script = Callable[["Asked"], "Told"]


class Asked(NamedTuple):
    """A request."""

    number: int
    path: str
    headers: Dict[str, str]
    raw: bytes
    client: Tuple[str, int]

    @property
    def batch(self) -> Any:
        is_gzip = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.raw) if is_gzip else self.raw)


class Told(NamedTuple):
    """An answer; ``raw`` goes out instead, byte for byte, and then the connection ends. ``hangs_up``: it ends after the
    answer, without a word."""

    status: int = 200
    headers: Dict[str, str] = {}
    body: bytes = b""
    raw: Optional[bytes] = None
    hangs_up: bool = False


def settled(asked: Asked, **more: Any) -> Told:
    """What a collector says that took everything."""
    batch = asked.batch
    answer = {
        "success": True,
        "batchId": batch["sillage"]["batchId"],
        "accepted": len(batch["batch"]),
        "duplicates": 0,
        "rejected": [],
        **more,
    }
    return Told(200, {"content-type": "application/json"}, json.dumps(answer).encode())


class Stub:
    """A server on a port of its own; ``script`` answers each request."""

    def __init__(self, script: Script = settled, tls: Optional[ssl.SSLContext] = None) -> None:
        self.script = script
        self.asked: List[Asked] = []
        self.keeps = True
        """Whether requests are remembered."""
        lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                raw = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                with lock:
                    asked = Asked(len(stub.asked), self.path, headers, raw, self.client_address)
                    if stub.keeps:
                        stub.asked.append(asked)
                told = stub.script(asked)
                if told.raw is not None:
                    self.wfile.write(told.raw)
                    self.close_connection = True
                    return
                self.send_response(told.status)
                for name, value in {"content-length": str(len(told.body)), **told.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told.body)
                self.close_connection |= told.hangs_up

            do_CONNECT = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is no trouble."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def events(self) -> List[Any]:
        """All events that came, in order, with what their batch says of the device laid under."""
        told = []
        for asked in list(self.asked):
            batch = asked.batch
            shared = {name: batch[name] for name in ("anonymousId", "userId") if name in batch}
            for event in batch["batch"]:
                told.append({**shared, **event, "context": {**batch.get("context", {}), **event.get("context", {})}})
        return told

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def until(what: str, is_so: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Waits until something is so."""
    deadline = time.monotonic() + timeout_s
    while True:
        so = is_so()
        if so:
            return so
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.005)


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
