"""Files that are whole or absent, whenever the process ends; and the operating system's errors as one line for people."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imageloop.errors import RunError

PART = ".part"
"""How the name of a file ends that is not whole yet."""


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """The file holds `data`, or what it held before: written under another name, synced so that it is durable, renamed. Raises RunError."""
    part = path.with_name(f".{path.name}{PART}")
    with told(path):
        try:
            _write(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, data, sync=sync)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def append_line(path: Path, line: bytes, *, sync: bool) -> None:
    """One more line at the end of a file; when it fails the file is as before. Raises RunError."""
    with told(path):
        length = path.stat().st_size if path.exists() else 0
        try:
            _write(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, line + b"\n", sync=sync)
        except OSError:
            os.truncate(path, length)
            raise


def truncate(path: Path, length: int) -> None:
    """The file holds its first `length` bytes, durably. Raises RunError."""
    with told(path):
        os.truncate(path, length)
        sync(path)


def sync(path: Path) -> None:
    """What was written to the file survives a loss of power. Raises RunError."""
    with told(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """The file is gone; it may never have been there. Raises RunError."""
    with told(path):
        path.unlink(missing_ok=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns an OSError into a RunError of one line that names the file and says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(f"{path}: the disk is full; every finished round is safe: make room and run the same command again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RunError(f"{path}: may not be written; change its permissions, or choose another folder with --out") from error
        raise RunError(f"{path}: cannot be written: {error.strerror}; choose another folder with --out") from error


def _write(path: Path, flags: int, data: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, flags, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
