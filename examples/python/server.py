"""A shop on a server: it tracks what its visitors do, and greets those who have a full basket.

    python server.py http://127.0.0.1:8080 wk_shop rt_shop

One client speaks of many persons: each event names its visitor. Who a visitor is to the collector, the server asks it
over HTTP and waits a tenth of a second for that at most; a page never fails because of it.
"""

import json
import signal
import sys
import threading
import time
import uuid
from http.cookies import SimpleCookie
from typing import Any, Callable, Dict, Iterable, List, Tuple
from urllib.parse import quote
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

from sillage import Client, EventOptions

PRICES = {"lamp": 80.5, "chair": 120.0, "rug": 45.0}
ASK_TIMEOUT_S = 0.1
KNOWN_FOR_S = 1.0
VISITORS_MAX = 10_000

Start = Callable[[str, List[Tuple[str, str]]], Any]


class Shop:
    """A WSGI app."""

    def __init__(self, client: Client, collector: str, read_token: str) -> None:
        self.client = client
        self.collector = collector
        self.read_token = read_token
        self.known: Dict[str, Tuple[float, List[str]]] = {}

    def __call__(self, environ: Dict[str, Any], start: Start) -> Iterable[bytes]:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", ""))
        visitor = cookie["visitor"].value if "visitor" in cookie else str(uuid.uuid4())
        who = EventOptions(anonymous_id=visitor, context={"userAgent": environ.get("HTTP_USER_AGENT", "")})
        page, _, sku = environ["PATH_INFO"].strip("/").partition("/")
        if page == "add" and sku in PRICES:
            self.client.track("Product Added", {"product_id": sku, "price": PRICES[sku], "quantity": 1}, who)
        elif page == "buy":
            self.client.track("Order Completed", {"order_id": str(uuid.uuid4())}, who)
        else:
            self.client.page(page or "Home", {"path": environ["PATH_INFO"]}, options=who)
        offer = "Free delivery, if you order today." if "hot-cart" in self.segments(visitor) else "Welcome."
        links = " ".join(f'<a href="/add/{sku}">add a {sku}</a>' for sku in PRICES)
        start("200 OK", [("content-type", "text/html"), ("set-cookie", f"visitor={visitor}; Path=/; HttpOnly")])
        return [f"<p>{offer}</p><p>{links} <a href='/buy'>buy</a></p>".encode()]

    def segments(self, visitor: str) -> List[str]:
        """The visitor's segments as of a second ago, or none if nobody says."""
        asked_at, segments = self.known.get(visitor, (0.0, []))
        if time.monotonic() - asked_at < KNOWN_FOR_S:
            return segments
        url = f"{self.collector}/v1/devices/{quote(visitor, safe='')}"
        try:
            request = Request(url, headers={"Authorization": f"Bearer {self.read_token}"})
            with urlopen(request, timeout=ASK_TIMEOUT_S) as answer:
                segments = [segment["key"] for segment in json.load(answer)["segments"]]
        except (OSError, ValueError, KeyError):
            segments = []
        if len(self.known) >= VISITORS_MAX:
            self.known.clear()
        self.known[visitor] = (time.monotonic(), segments)
        return segments


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """The events say it."""


def main() -> None:
    collector, write_key, read_token = sys.argv[1:4]
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 8000
    # On a real server: folder="/var/lib/shop/events", so that a killed process loses nothing.
    with Client(write_key, collector, app="shop", app_version="1.0", batch_age_ms=200) as client:
        with make_server("127.0.0.1", port, Shop(client, collector, read_token), handler_class=Quiet) as server:
            # A process that is told to end by SIGTERM alone would not come to the end of this `with`.
            end = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: end.set())
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f"http://127.0.0.1:{server.server_port}", flush=True)
            end.wait()
            server.shutdown()


if __name__ == "__main__":
    main()
