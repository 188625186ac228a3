"""A redis-server of a test's own, and a client of a provider that is ready."""

import itertools
import json
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.event import ProviderEvent
from redis import Redis
from redis.exceptions import ConnectionError
from sillage_flags import Options, SillageProvider

NOW = 1_800_000_000_000
DAY = 86_400_000
FLAGS = json.loads((Path(__file__).parents[2] / "flags.json").read_text())
domains = itertools.count()


def until(what, ask, seconds=15):
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return found


class RedisServer:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.redis = Redis(port=self.port, decode_responses=True)
        self.again()

    def again(self):
        """Starts, or starts again, empty."""
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.child = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        until("redis-server, of the Debian package of that name", self._answers)

    def _answers(self):
        try:
            return self.redis.ping()
        except ConnectionError:
            return False

    def hold(self):
        self.child.send_signal(signal.SIGSTOP)

    def release(self):
        self.child.send_signal(signal.SIGCONT)

    def stop(self):
        self.redis.connection_pool.disconnect()
        self.release()
        self.child.kill()
        self.child.wait()

    def meta(self, schema="1"):
        self.redis.hset("sl:shop:meta", mapping={"schema": schema, "half_life_ms": str(7 * DAY)})

    def profile(self, person, **fields):
        """`seg__hot_cart` stands for the field `seg:hot-cart`."""
        names = {name.replace("__", ":").replace("_cart", "-cart"): value for name, value in fields.items()}
        self.redis.hset(f"sl:shop:{person}", mapping=names)

    def change(self, person, segment, change):
        """An entry or exit, as a writer tells it: the profile is readable before."""
        entry = {"id": person, "segment": segment, "change": change, "at": str(NOW), "v": "2"}
        self.redis.xadd("sl:shop:changes", entry)


@dataclass
class World:
    server: RedisServer
    now: int = NOW
    seen: list = field(default_factory=list)
    client: OpenFeatureClient = None
    provider: SillageProvider = None

    def ready(self, **options):
        """Makes the client; `now` may be moved."""
        options = {"deadline_s": 2, "clock": lambda: self.now / 1000, **options}
        self.provider = SillageProvider(self.server.url, "shop", FLAGS, Options(**options))
        domain = f"test-{next(domains)}"
        self.client = api.get_client(domain)
        for event in ProviderEvent:
            self.client.add_handler(event, lambda details, event=event: self.seen.append((event, details)))
        api.set_provider_and_wait(self.provider, domain)
        return self.client

    def saw(self, event):
        return [details for kind, details in self.seen if kind == event]

    def following(self, context):
        """Until the provider follows the stream, so that it serves what it has cached."""
        until(
            "a cached answer",
            lambda: self.client.get_boolean_details("pro-menu", False, context).flag_metadata.get("cached"),
        )


@pytest.fixture
def server():
    server = RedisServer()
    server.meta()
    yield server
    api.clear_providers()
    server.stop()


@pytest.fixture
def world(server):
    return World(server)
