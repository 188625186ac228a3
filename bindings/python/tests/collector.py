"""The real collector, as a process."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, List, Optional
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from stub import closed_port, until

WRITE_KEY, READ_TOKEN = "wk_test", "rt_test"


class Collector:
    """A collector in a folder of its own; ``rules`` is TOML that goes on after the project's keys."""

    def __init__(self, folder: Path, rules: str = "") -> None:
        self.endpoint = f"http://127.0.0.1:{closed_port()}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sillage.toml").write_text(
            f'[server]\nlisten = "{self.endpoint[7:]}"\ndata_dir = "{folder / "data"}"\n'
            f'[redis]\nlisten = "127.0.0.1:{closed_port()}"\n'
            f'[[project]]\nname = "shop"\nwrite_keys = ["{WRITE_KEY}"]\nread_tokens = ["{READ_TOKEN}"]\n{rules}\n'
        )
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self.start()

    def start(self) -> None:
        with open(self._folder / "collector.log", "ab") as log:
            command: List[str] = [os.environ["SILLAGE_BIN"], "serve", "--config", str(self._folder / "sillage.toml")]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        until("the collector to be ready", self._is_ready)

    def get(self, path: str) -> Any:
        request = Request(self.endpoint + path, headers={"Authorization": f"Bearer {READ_TOKEN}"})
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    def total(self) -> Any:
        """The whole ledger in numbers, once everything that was answered is readable."""
        until("the lag to end", lambda: self.get("/v1/summary")["lag_ms"] == 0)
        return self.get("/v1/ledger")["total"]

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def _is_ready(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "collector.log").read_text()
        try:
            build_opener(ProxyHandler({})).open(self.endpoint + "/readyz", timeout=5).close()
            return True
        except (URLError, OSError):
            return False
