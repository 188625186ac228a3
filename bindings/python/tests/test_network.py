"""The default network, on its own."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

import sillage.network
from sillage import Answer, HttpNetwork, NoAnswer
from stub import Stub, Told, closed_port


@pytest.fixture
def network() -> Iterator[HttpNetwork]:
    made = HttpNetwork()
    yield made
    made.close()


Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server of one connection at a time, byte for byte."""
    listening: List[socket.socket] = []
    workers: List[threading.Thread] = []

    def serve(script: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)

        def work() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        script(connection)
            except OSError:
                return

        workers.append(threading.Thread(target=work, daemon=True))
        workers[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1/batch"

    yield serve
    for listener in listening:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for worker in workers:
        worker.join(10)


def test_an_answer_is_told_as_it_is(stub: Stub, network: HttpNetwork) -> None:
    stub.script = lambda asked: Told(429, {"content-type": "text/plain", "Retry-After": "7"}, b"later")
    reply = network(stub.endpoint + "/v1/batch", {"x-write-key": "wk"}, b"{}")
    assert reply == Answer(429, "text/plain", "7", b"later")
    assert stub.asked[0].headers["x-write-key"] == "wk"


def test_nobody_there_is_unsent(network: HttpNetwork) -> None:
    assert network(f"http://127.0.0.1:{closed_port()}/v1/batch", {}, b"{}") is NoAnswer.UNSENT
    assert network("http://no.such.host.invalid/v1/batch", {}, b"{}") is NoAnswer.UNSENT


def test_what_breaks_after_sending_is_lost(network: HttpNetwork, serve: Serve) -> None:
    url = serve(lambda connection: drop(connection.recv(1)))
    assert network(url, {}, b"{}") is NoAnswer.LOST


def test_a_server_that_is_gone_when_its_kept_connection_is_used_is_unsent(network: HttpNetwork) -> None:
    with Stub(lambda asked: Told(200, {}, b"ok")._replace(hangs_up=True)) as stub:
        url = stub.endpoint + "/v1/batch"
        assert isinstance(network(url, {}, b"{}"), Answer)
    assert network(url, {}, b"{}") is NoAnswer.UNSENT


def test_drops_fed_one_by_one_do_not_outlast_the_deadline(
    network: HttpNetwork, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sillage.network, "EXCHANGE_TIMEOUT_S", 0.4)

    def trickle(head: bytes) -> Callable[[socket.socket], None]:
        def script(connection: socket.socket) -> None:
            connection.sendall(head)
            while True:
                connection.sendall(b"x")
                time.sleep(0.01)

        return script

    for head in (b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"):
        url = serve(trickle(head))
        began = time.monotonic()
        assert network(url, {}, b"{}") is NoAnswer.LOST
        assert time.monotonic() - began < 5


def test_a_body_that_nobody_takes_does_not_outlast_the_deadline(
    network: HttpNetwork, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sillage.network, "EXCHANGE_TIMEOUT_S", 0.4)
    let_go = threading.Event()
    url = serve(lambda connection: drop(let_go.wait(20)))
    began = time.monotonic()
    assert network(url, {}, b"x" * 50_000_000) is NoAnswer.LOST
    assert time.monotonic() - began < 5
    let_go.set()


def test_no_more_of_an_answer_is_read_than_the_bound(network: HttpNetwork, serve: Serve) -> None:
    sent: List[int] = []

    def pour(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{")
        try:
            for _ in range(1_000):
                connection.sendall(b" " * 1_000_000)
                sent.append(1)
        except OSError:
            pass

    reply = network(serve(pour), {}, b"{}")
    assert isinstance(reply, Answer) and len(reply.body) == 256 * 1024
    assert len(sent) < 100


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 500\r\n\r\n{",
        b"transfer-encoding: chunked\r\n\r\n5\r\n{",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_half_an_answer_has_its_status_and_no_body(network: HttpNetwork, serve: Serve, head: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 503 Busy\r\nretry-after: 9\r\n" + head)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65_536)

    assert network(serve(script), {}, b"{}") == Answer(503, "", "9", b"")


def test_tls_trusts_whom_it_is_told_to_and_nobody_else(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    with Stub(lambda asked: Told(200, {}, b"ok"), tls=serving) as stub:
        url = f"https://127.0.0.1:{stub.port}/v1/batch"
        assert HttpNetwork()(url, {}, b"{}") is NoAnswer.UNSENT, "a stranger"
        network = HttpNetwork(ssl.create_default_context(cafile=str(certificate)))
        for _ in range(3):
            assert network(url, {}, b"x" * 100_000) == Answer(200, "", "", b"ok")
        assert len({asked.client for asked in stub.asked}) == 1
        network.close()


def drop(_: object) -> None:
    """Nothing is said of it."""
