"""What does code in the sandbox see as its whole file system? Python and its standard library, built once.

No shell, no other program, no file of the host that is not needed to run Python, nothing that runs as somebody else."""

import compileall
import hashlib
import json
import os
import platform
import py_compile
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from tool_runner.domain.sandbox import SandboxUnavailable

BOOT = "/usr/lib/sandbox/boot.pyc"
PYTHON = "/usr/bin/python3"
_LOADER = Path("/lib64/ld-linux-x86-64.so.2")
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_LIBRARY = f"usr/lib/{_VERSION}"
_LIBRARIES_BESIDE = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
_LEFT_OUT = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "pydoc_data"),
    *("__pycache__", "config-*", "site-packages", "dist-packages", "distutils", "venv", "_sysconfigdata*"),
    *("_dbm*", "_gdbm*", "nis*", "_curses*", "readline*", "_tkinter*", "_test*", "_xxtestfuzz*", "_ctypes_test*"),
)


def built_image(directory: Path, packages: Sequence[str] = ()) -> Path:
    """The folder of the file system, built if it is not there yet (some seconds). Raises SandboxUnavailable."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or not _LOADER.exists():
        raise SandboxUnavailable("the sandbox is made for Linux on x86_64 with the GNU C library; use another backend")
    _own_folder(directory)
    image = directory / f"root-{_content_hash(packages)}"
    if not image.exists():
        building = directory / f"building-{os.getpid()}"
        shutil.rmtree(building, ignore_errors=True)
        _build(building, packages)
        try:
            building.rename(image)
        except OSError:  # Another process was faster; both built the same.
            shutil.rmtree(building)
    return image


def _own_folder(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = directory.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SandboxUnavailable(
            f"TOOL_RUNNER_SANDBOX_DIR={directory}: must belong to user {os.geteuid()} and be writable by no one else"
        )


def _content_hash(packages: Sequence[str]) -> str:
    """Changes with the interpreter, the packages and this recipe."""
    sources = (Path(sys.executable).resolve(), Path(os.__file__), Path(__file__), _boot_source())
    facts = [sys.version, *(_stamp(source) for source in sources)]
    facts += [f"{name}=={_distribution(name).version}" for name in sorted(packages)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _stamp(file: Path) -> str:
    found = file.stat()
    return f"{file}:{found.st_size}:{found.st_mtime_ns}"


def _boot_source() -> Path:
    return Path(__file__).with_name("boot.py")


def _build(root: Path, packages: Sequence[str]) -> None:
    for folder in ("dev", "box", "etc", "usr/bin", "usr/lib64", "usr/lib/sandbox"):
        (root / folder).mkdir(parents=True)
    for link, target in {"lib": "usr/lib", "lib64": "usr/lib64", "bin": "usr/bin", "tmp": "box/tmp"}.items():
        (root / link).symlink_to(target)
    for device in ("null", "urandom"):
        (root / "dev" / device).touch()
    (root / "etc/passwd").write_text("sandbox:x:1000:1000::/box:/nonexistent\n")
    interpreter = Path(sys.executable).resolve()
    shutil.copyfile(interpreter, root / PYTHON[1:])
    shutil.copytree(sysconfig.get_path("stdlib"), root / _LIBRARY, ignore=_LEFT_OUT, ignore_dangling_symlinks=True)
    for name in packages:
        _copy_package(_distribution(name), root / _LIBRARY / "site-packages")
    _copy_libraries(root, [interpreter, *(root / _LIBRARY).rglob("*.so*")])
    compileall.compile_dir(root / _LIBRARY, quiet=2, stripdir=str(root), invalidation_mode=_UNCHECKED)
    boot = str(_boot_source())
    py_compile.compile(boot, str(root / BOOT[1:]), BOOT, doraise=True, invalidation_mode=_UNCHECKED)
    _close(root)


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise SandboxUnavailable(
            f"TOOL_RUNNER_SANDBOX_PACKAGES: {name!r} is not installed beside the tool runner; install it there first"
        ) from error


def _copy_package(found: metadata.Distribution, into: Path) -> None:
    """Its modules; not its programs, which lie elsewhere, and nothing that it depends on."""
    for file in found.files or ():
        if file.suffix in (".pyc", ".pth") or ".." in file.parts or file.is_absolute():
            continue
        target = into / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(str(file.locate())), target)


def _copy_libraries(root: Path, objects: Iterable[Path]) -> None:
    """What the loader would load for each, and the loader."""
    shutil.copyfile(_LOADER, root / "usr/lib64" / _LOADER.name)
    found: set[Path] = set()
    for one in objects:
        listed = subprocess.run([_LOADER, "--list", one], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"=> (/\S+) \(0x", listed)}
    [home] = {path.parent.resolve() for path in found if path.name == "libc.so.6"}
    for library in found:
        if library.is_relative_to(root):
            continue
        known = str(library).startswith(_LIBRARIES_BESIDE)
        target = root / (library.parent.resolve() if known else home).relative_to("/") / library.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, target)


def _close(root: Path) -> None:
    """Everybody may read and nobody write; and only Python and its libraries may be run."""
    programs = {root / PYTHON[1:], root / "usr/lib64" / _LOADER.name}
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for file in (Path(folder) / name for name in files):
            if not file.is_symlink():
                file.chmod(0o555 if file in programs or ".so" in file.suffixes else 0o444)
