"""A wheel carries the native library and the generated face of it, and so is for one platform and any Python 3."""

import re
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.dist import Distribution

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "src" / "sillage"


def library() -> Path:
    """The native library, once it has been generated."""
    names = ("libsillage_ffi.so", "libsillage_ffi.dylib", "sillage_ffi.dll")
    return next(path for path in (PACKAGE / name for name in names) if path.exists())


class Generated(build_py):
    """Has `bindings/generate` write what is not kept in the repository, unless it has been written."""

    def run(self) -> None:
        try:
            library()
            is_there = (PACKAGE / "_ffi.py").exists()
        except StopIteration:
            is_there = False
        if not is_there:
            subprocess.run([HERE.parent / "generate"], check=True)
        super().run()


class ForOnePlatform(Distribution):
    def has_ext_modules(self) -> bool:
        return True


class Tagged(bdist_wheel):
    """No extension module of one Python: a library that is loaded by any."""

    def get_tag(self) -> "tuple[str, str, str]":
        platform = super().get_tag()[2]
        if sys.platform == "linux" and platform.startswith("linux_"):
            # The newest version of the C library that is asked for; of musl's nothing is known, and it stays linux_.
            asked = re.findall(rb"GLIBC_2\.(\d+)", library().read_bytes())
            if asked:
                platform = f"manylinux_2_{max(map(int, asked))}_{platform[len('linux_'):]}"
        return "py3", "none", platform


class NoSource(sdist):
    def run(self) -> None:
        raise SystemExit("the source is a Rust workspace: build wheels, from a checkout")


setup(
    cmdclass={"build_py": Generated, "bdist_wheel": Tagged, "sdist": NoSource},
    distclass=ForOnePlatform,
)
