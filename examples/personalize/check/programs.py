"""The five programs: how they are started, and what each prints."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from world import HERE

MADE = Path(os.environ["CARGO_TARGET_DIR"])

# Starting takes most of the time here.
JAVA_FAST = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
JAVA_PATH = f"{HERE}/java/target/classes:{HERE}/java/target/dependency/*"

# Each language with its usual client.
LOOKUPS = {
    "Python": [sys.executable, str(HERE / "python/lookup.py")],
    "Node": ["node", str(HERE / "node/lookup.mjs")],
    "Java": ["java", *JAVA_FAST, "-cp", JAVA_PATH, "io.sillage.example.Lookup"],
    "Go": [str(MADE / "personalize/lookup-go")],
    "Rust": [str(MADE / "debug/sillage-example-personalize")],
}
CLIENTS = {"Python": "redis-py", "Node": "node-redis", "Java": "Lettuce", "Go": "go-redis", "Rust": "redis"}
WATCHERS = {
    "Python": [sys.executable, str(HERE / "python/watch.py")],
    "Node": ["node", str(HERE / "node/watch.mjs")],
}


def page(folder: Path, deadline_ms: int) -> str:
    """hero.json with another deadline: what is not about time must not fail on a busy machine."""
    path = folder / f"hero-{deadline_ms}.json"
    path.write_text(json.dumps(json.loads((HERE / "hero.json").read_text()) | {"deadline_ms": deadline_ms}))
    return str(path)


def say(language: str, arguments: list[str]) -> str:
    command = LOOKUPS[language] + arguments
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{language}: {done.stderr[-2000:]}"
    return done.stdout


def all_say(arguments: list[str]) -> dict[str, str]:
    """What each language prints, byte by byte."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(LOOKUPS, pool.map(lambda language: say(language, arguments), LOOKUPS)))


def measure(language: str, arguments: list[str]) -> dict:
    return json.loads(say(language, arguments))
