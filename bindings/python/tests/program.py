"""Programs of a few lines, in a process of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Tuple

SOURCES = Path(__file__).parents[1] / "src"
Flags = Tuple[str, ...]


def python(code: str, *arguments: str, sources: Path = SOURCES, flags: Flags = ()) -> "subprocess.Popen[str]":
    """Starts a program."""
    # From 3.12 on Python warns of every fork of a process with threads; these are about such forks.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", *flags]
    command += ["-c", textwrap.dedent(code), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(sources)}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def run(
    code: str, *arguments: str, sources: Path = SOURCES, status: int = 0, flags: Flags = ()
) -> Tuple[str, str]:
    """Runs a program to its end; gives what it wrote and what it complained of."""
    process = python(code, *arguments, sources=sources, flags=flags)
    out, err = process.communicate(timeout=90)
    assert process.returncode == status, (process.returncode, out, err)
    return out, err
