"""The wheel: built where the sources are, installed where they are not."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from stub import Stub

HERE = Path(__file__).parents[1]
GENERATED = ("_ffi.py", "libsillage_ffi.so", "libsillage_ffi.dylib", "sillage_ffi.dll")


def test_a_wheel_is_built_and_tracks_in_an_environment_of_its_own(tmp_path: Path, stub: Stub) -> None:
    made = tmp_path / "bindings" / "python"
    shutil.copytree(HERE / "src", made / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", *GENERATED))
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(HERE / name, made)
    # In place of the real generator, which needs a Rust build: it brings what that has made.
    there = [HERE / "src" / "sillage" / name for name in GENERATED]
    copies = " ".join(f"'{path}'" for path in there if path.exists())
    generate = made.parent / "generate"
    generate.write_text(f"#!/bin/sh\nexec cp {copies} '{made / 'src' / 'sillage'}'\n")
    generate.chmod(0o755)
    build = ["wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(tmp_path), str(made)]
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, python, abi) == ("sillage", "py3", "none")
    assert platform != "any"
    if sys.platform == "linux":
        assert platform.startswith(("manylinux_2_", "linux_")), platform
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"sillage/py.typed", "sillage/client.py", "sillage/_ffi.py"} <= names
    assert any(name.startswith(("sillage/libsillage_ffi.", "sillage/sillage_ffi.dll")) for name in names)
    assert not any("tests" in name for name in names)

    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    fresh = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([fresh, "-m", "pip", "--quiet", "install", "--no-index", str(wheel)], check=True, cwd=tmp_path)
    program = (
        "import sys, sillage\n"
        "assert sillage.__file__.startswith(sys.prefix), sillage.__file__\n"
        "assert sillage.__version__ == sys.argv[2]\n"
        "with sillage.Client('wk', sys.argv[1]) as client:\n"
        "    client.track('Installed', {'n': 1})\n"
    )
    isolated = [str(fresh), "-I", "-c", program, stub.endpoint, version]
    done = subprocess.run(isolated, cwd=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [event["event"] for event in stub.events] == ["Installed"]
