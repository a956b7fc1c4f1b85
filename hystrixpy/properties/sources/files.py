"""Opening a configuration file: format by suffix, bounded size, and a signature to see changes by.

A file is input from outside: only regular files, at most 1 MiB, never evaluated.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from hystrixpy.properties.faults import unknown
from hystrixpy.properties.sources.hystrix import read_hystrix
from hystrixpy.properties.sources.reading import Reading
from hystrixpy.properties.sources.toml import read_toml

__all__ = ["LARGEST", "FileReading", "Signature", "read_file", "signature"]

LARGEST = 1 << 20
"""Bytes a configuration file may have."""

Signature = tuple[int, ...]
"""What differs when a file was written, replaced, or its symlink turned to another one."""


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file as it was read: ``rank`` orders formats, the higher one wins."""

    path: str
    signature: Signature
    rank: int
    reading: Reading


_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_Parse = Callable[[bytes, str], Reading]


def _toml(data: bytes, file: str) -> Reading:
    """TOML is UTF-8, nothing else."""
    try:
        return read_toml(data.decode("utf-8-sig").replace("\r\n", "\n"), file)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _broken(f"{file}, line {line}", f"byte 0x{data[error.start]:02x} is not valid UTF-8")


def _java(data: bytes, file: str) -> Reading:
    """As Java since 9: UTF-8, and ISO 8859-1 (its only encoding before) for what is none."""
    try:
        return read_hystrix(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError:
        return read_hystrix(data.decode("iso-8859-1"), file)


_FORMATS: dict[str, tuple[int, _Parse]] = {
    ".toml": (0, _toml),
    ".properties": (1, _java),
}


def read_file(path: str) -> FileReading:
    """Read one file. Everything that is wrong, being unreadable too, is a problem of its reading."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _FORMATS:
        return FileReading(path, (), 0, _broken(path, unknown("no format for the suffix", suffix, _FORMATS)))
    rank, parse = _FORMATS[suffix]
    try:
        data, signed = _bytes(path)
    except (OSError, ValueError) as error:
        return FileReading(path, (), rank, _broken(path, _unreadable(error)))
    if len(data) > LARGEST:
        return FileReading(
            path, signed, rank, _broken(path, f"larger than {LARGEST} bytes, the most a configuration may have")
        )
    if data.startswith(_UTF_16):  # read as ISO 8859-1 it would say nothing, and nobody would know
        return FileReading(path, signed, rank, _broken(path, "is UTF-16; must be UTF-8"))
    return FileReading(path, signed, rank, parse(data, path))


def signature(path: str) -> Signature | None:
    """The signature of the file a path leads to now; None if it leads nowhere."""
    try:
        return _signature(os.stat(path))
    except (OSError, ValueError):
        return None


def _signature(found: os.stat_result) -> Signature:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _bytes(path: str) -> tuple[bytes, Signature]:
    # O_NONBLOCK: opening a FIFO nobody writes to would wait for ever. The signature is that of the file that
    # was opened, so what is read and what it is known by cannot belong to two files.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("not a regular file")
        return file.read(LARGEST + 1), _signature(found)


def _unreadable(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read: {reason}"


def _broken(source: str, message: str) -> Reading:
    reading = Reading()
    reading.fault(source, message)
    return reading
