"""Our own sources, and an app's, as a type checker sees them."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]


def mypy(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--cache-dir", "/dev/null", *arguments]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True)


def test_the_sources_and_their_tests_are_typed_without_a_gap() -> None:
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_app_is_told_of_a_wrong_type(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        "import sillage\n"
        "client = sillage.Client('wk', batch_events='many')\n"
        "client.track('Seen', {'n': 1}, sillage.EventOptions(timestamp=7))\n"
        "reveal_type(client.segments)\n"
        "client.trak('Seen')\n"
    )
    done = mypy("--config-file", "pyproject.toml", str(app))
    lines = [line for line in done.stdout.splitlines() if "app.py:" in line]
    numbers = [int(line.split("app.py:")[1].split(":")[0]) for line in lines]
    assert numbers == [2, 3, 4, 5], done.stdout
    assert "list[str]" in lines[2].replace("builtins.", "")
