"""A device that tracks, to be killed and starved: ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain|burst:THREADS:EACH

Event n is of person ``p<n>``, so that the collector can say which arrived. The journal gets a line when an event is
begun and another once ``track`` has come back (in durable mode: once it is durable); it is written without buffers, so
that a kill leaves what was done.
"""

import json
import os
import sys
import threading
import time
from typing import List, Set

from sillage import Client, EventOptions, Signal


def track(client: Client, number: int) -> None:
    client.track("Tried", {"n": 1}, EventOptions(user_id=f"p{number}"))


def go_on(client: Client, journal: int, first: int, durable: bool) -> None:
    """Tracks until it is killed."""
    number = first
    while True:
        os.write(journal, f"begun {number}\n".encode())
        track(client, number)
        word = "done" if not durable or client.wait_durable() else "unsure"
        os.write(journal, f"{word} {number}\n".encode())
        number += 1
        time.sleep(0.002)


def burst(client: Client, heard: Set[str], first: int, threads: int, each: int) -> None:
    """Threads that begin together; then everything is delivered, and what became of it is printed."""
    begin = threading.Barrier(threads)
    threw: List[Exception] = []

    def work(own: int) -> None:
        begin.wait()
        for number in range(own, own + each):
            try:
                track(client, number)
            except Exception as error:
                threw.append(error)

    workers = [threading.Thread(target=work, args=(first + thread * each,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    left = client.flush(60_000)
    ledger = client.ledger
    client.shutdown(60_000)
    told = {**vars(ledger), "pending": left, "signals": sorted(heard), "threw": len(threw)}
    print(json.dumps(told), flush=True)


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def main() -> None:
    endpoint, folder, journal, first, mode = sys.argv[1:]
    heard: Set[str] = set()

    def hear(signal: Signal) -> None:
        heard.add(camel_case(signal.name))

    durable = mode == "durable"
    # Small batches, often: the faults are to meet as many as there can be.
    client = Client(
        os.environ["SILLAGE_WRITE_KEY"],
        endpoint,
        folder=folder,
        durable=durable,
        on_signal=hear,
        batch_events=10,
        batch_age_ms=100,
    )
    if mode == "drain":
        # By then it has looked for what others left behind.
        time.sleep(2)
        left = client.shutdown(60_000)
        assert left == 0, client
    elif mode.startswith("burst:"):
        _, threads, each = mode.split(":")
        burst(client, heard, int(first), int(threads), int(each))
    else:
        go_on(client, os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), int(first), durable)


if __name__ == "__main__":
    main()
