"""A collector, Redis servers, and programs that are asked over their standard input."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

HERE = Path(__file__).resolve().parent.parent


def until(what, ask, seconds=30):
    end = time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return found


def free_port() -> int:
    # Below what systems give to outgoing connections, so that none of these takes it meanwhile.
    for port in range(12000 + os.getpid() % 10000, 32000):
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            if port not in free_port.given:
                free_port.given.add(port)
                return port
    raise AssertionError("no port is free")


free_port.given = set()


class Server:
    """A process with a port that speaks Redis; it may be stopped, held still and started again."""

    child = None

    def probe(self):
        self.redis.ping()

    def again(self):
        with open(self.log, "a") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log)
        until(f"{self.command[0]} to answer", self._answers)

    def _answers(self) -> bool:
        if self.child.poll() is not None:
            raise AssertionError(f"{self.command[0]} ended")
        try:
            self.probe()
            return True
        except RedisError:
            return False

    def hold(self):
        self.child.send_signal(signal.SIGSTOP)

    def release(self):
        self.child.send_signal(signal.SIGCONT)

    def stop(self):
        if self.child is not None and self.child.poll() is None:
            self.release()
            self.child.kill()
            self.child.wait()
        self.redis.connection_pool.disconnect()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


class RedisServer(Server):
    def __init__(self, folder: Path, name: str, cluster: bool = False):
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self.redis = Redis(port=self.port, decode_responses=True, socket_timeout=5)
        options = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "appendonly": "no", "dir": str(folder)}
        if cluster:
            options |= {"cluster-enabled": "yes", "cluster-config-file": f"{name}.conf"}
            options |= {"cluster-port": str(free_port())}
        self.command = ["redis-server"]
        for option, value in options.items():
            self.command += [f"--{option}", value]
        try:
            self.again()
        except FileNotFoundError:
            raise SystemExit("redis-server is missing: .ci/setup test installs it") from None
        if cluster:
            self.redis.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            until("the cluster", lambda: "cluster_state:ok" in str(self.redis.execute_command("CLUSTER", "INFO")))


class Collector(Server):
    """`sillage serve` with the example's segments, which writes to a Redis and shows its own face."""

    def __init__(self, folder: Path, redis_url: str):
        self.port, self.http = free_port(), free_port()
        self.log = folder / "collector.log"
        self.redis = Redis(port=self.port, decode_responses=True, socket_timeout=5)
        text = (HERE / "sillage.toml").read_text()
        for old, new in {
            "127.0.0.1:8080": f"127.0.0.1:{self.http}",
            "127.0.0.1:6380": f"127.0.0.1:{self.port}",
            "sillage-data": str(folder / "data"),
            'url = ""': f'url = "{redis_url}"',
        }.items():
            assert old in text, f"sillage.toml has no {old}"
            text = text.replace(old, new)
        (folder / "sillage.toml").write_text(text)
        self.command = [os.environ["SILLAGE_BIN"], "serve", "--config", str(folder / "sillage.toml")]
        self.again()

    def probe(self):
        self.redis.hget("sl:shop:meta", "schema")  # -LOADING until it is all there

    def send(self, *events: dict):
        """Sends events as any client of the protocol does; they are durable when this returns."""
        body = json.dumps({"batch": events}).encode()
        headers = {"X-Write-Key": "wk_shop", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/v1/batch", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            told = json.load(answer)
        assert told["accepted"] == len(events), told


class Talker:
    """A program that answers each line with a line."""

    def __init__(self, command: list[str]):
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        self.child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True, bufsize=1)

    def ask(self, person: str) -> tuple[dict, float]:
        """The answer, and how many milliseconds it took."""
        started = time.perf_counter()
        self.child.stdin.write(person + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        return json.loads(line), (time.perf_counter() - started) * 1000

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


@contextlib.contextmanager
def world():
    """A folder, a Redis, and a collector that keeps it; all gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-personalize-"))
    servers = []
    try:
        servers.append(RedisServer(folder, "redis"))
        servers.append(Collector(folder, servers[0].url + "/"))
        yield folder, servers[0], servers[1]
    except AssertionError:
        for log in folder.glob("*.log"):
            print(f"--- {log.name}\n{log.read_text()[-3000:]}")
        raise
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
