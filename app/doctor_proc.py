"""Who holds a file or a port, read from /proc (Linux; elsewhere the answer is "unknown")."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PROC = Path("/proc")
_LISTEN = "0A"


def file_holders(paths: list[Path]) -> list[str]:
    """`name (pid)` of the other processes that have one of these files open, as far as we may look."""
    wanted = {(info.st_dev, info.st_ino) for info in (_stat(path) for path in paths) if info}
    return _holders(lambda info: (info.st_dev, info.st_ino) in wanted)


def port_holders(port: int) -> list[str]:
    """`name (pid)` of the processes that listen on this TCP port, as far as we may look."""
    inodes = _listening_inodes(port)
    return _holders(lambda info: info.st_ino in inodes and _is_socket(info))


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds `path` (`ext4`, `tmpfs`, `nfs4`...), or `""`."""
    try:
        lines = (_PROC / "self/mounts").read_text().splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        _, point, fs_type, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fs_type
    return kind


def _holders(matches: Callable[[os.stat_result], bool]) -> list[str]:
    others = [folder for folder in _PROC.glob("[0-9]*") if int(folder.name) != os.getpid()]
    holding = [folder for folder in others if any(matches(info) for info in _open_files(folder))]
    return sorted(f"{_name(folder)} (proceso {folder.name})" for folder in holding)


def _open_files(process: Path) -> list[os.stat_result]:
    try:
        links = list((process / "fd").iterdir())
    except OSError:
        return []
    return [info for info in map(_stat, links) if info]


def _listening_inodes(port: int) -> set[int]:
    inodes = set()
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (_PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(int(columns[9]))
    return inodes


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_socket(info: os.stat_result) -> bool:
    return (info.st_mode & 0o170000) == 0o140000
