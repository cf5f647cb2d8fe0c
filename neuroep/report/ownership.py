"""Whose a folder is: a run's folder is known by a mark in its lock, and is used by one process at a time."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

from neuroep.disk import read_json
from neuroep.errors import BadInput

LOCK, MARK = ".lock", b"neuroep run\n"
#: Files of a run besides its checkpoints.
OWN_FILES = ("spec.json", "result.json", "history.csv", "weights.safetensors", "report.html")
OWN_JOB = re.compile(r"(ep|backprop)-.+-\d+(-[0-9a-f]{8})?\.safetensors")
#: A temporary file that a killed process left beside one of a run's own.
LEFT = re.compile(r"\.(.+)\.[0-9a-z_]+\.tmp")
#: What every spec has, also of versions that left the lock empty.
SPEC_KEYS = {"model", "network", "recipes", "devices", "data", "seeds"}
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def default_out(kind: str, name: str) -> Path:
    """Return where a model's studies of a kind go unless told otherwise: within its folder, also for a model ``..``."""
    return Path(kind) / (name if name.strip(".") else "_")


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that isn't a run's, nor empty: what is in it is someone else's.

    Raises
    ------
    BadInput
        Naming what it holds.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInput("a file, not a folder", str(folder), "another --out")
    if not folder.is_dir():
        return
    if not is_run(folder):
        foreign = sorted(item.name for item in folder.iterdir() if not _harmless(item))
        if foreign:
            raise BadInput(f"not a run's folder: it holds {foreign[0]}", str(folder), "an empty or new folder")
    for name in OWN_FILES:
        if (folder / name).is_dir():
            raise BadInput("a folder, where a run keeps a file", str(folder / name), "another --out")


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's: by the mark in its lock, or by its spec where an earlier version made it."""
    try:
        # the first bytes of a regular file: a pipe would never end
        if stat.S_ISREG((folder / LOCK).lstat().st_mode):
            with (folder / LOCK).open("rb") as file:
                if file.read(len(MARK) + 1) == MARK:
                    return True
    except OSError:
        pass
    try:
        spec = read_json(folder / "spec.json")
    except BadInput:
        return False
    return isinstance(spec, dict) and set(spec) >= SPEC_KEYS


def _harmless(item: Path) -> bool:
    """Whether a run that was stopped before it had marked its folder may have left this."""
    if item.name == "jobs":
        return item.is_dir() and not item.is_symlink() and all(map(_harmless, item.iterdir()))
    empty = stat.S_ISREG(item.lstat().st_mode) and item.lstat().st_size == 0
    return (item.name == LOCK and empty) or item.name.endswith(".tmp")


def lock(folder: Path) -> int | None:
    """Mark and lock a run's folder; return what to close, or None if it may only be read.

    The kernel lets go when the process ends, however it ends, so no lock is ever stale. Where a file system has no
    locks, the run goes on without: whoever else works there for the same spec computes the same bits, and checkpoints
    of another are refused.

    Raises
    ------
    BadInput
        If another process has it, or the lock is something else than a file.
    """
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(folder / LOCK, flags, 0o666)
    except OSError as error:
        if error.errno in READ_ONLY:
            return None
        raise BadInput(f"can't be locked ({error.strerror})", str(folder / LOCK), "a file of neuroep's") from error
    try:
        _take(descriptor, folder)
        _mark(descriptor, folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _take(descriptor: int, folder: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BadInput("another run is using this folder", str(folder), "another --out, or wait") from error
    except OSError:
        return  # no locks on this file system


def _mark(descriptor: int, folder: Path) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise BadInput("can't be locked (no regular file)", str(folder / LOCK), "a file of neuroep's")
    if found.st_size == 0:
        os.write(descriptor, MARK)


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left beside a run's own; only while the folder is locked."""
    for place in (folder, folder / "jobs"):
        for item in place.iterdir():
            left = LEFT.fullmatch(item.name)
            if left and (left[1] in OWN_FILES or OWN_JOB.fullmatch(left[1])) and not item.is_dir():
                item.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove a run's own files and nothing else, the spec last: an interrupted clearing is still a run's folder.

    Raises
    ------
    BadInput
        If the checkpoints lie elsewhere, behind a link.
    """
    jobs = folder / "jobs"
    if jobs.is_symlink():
        raise BadInput("a link: nothing is removed behind it", str(jobs), "another --out, or a folder")
    for file in jobs.iterdir():
        if OWN_JOB.fullmatch(file.name):
            file.unlink()
    for name in reversed(OWN_FILES):
        (folder / name).unlink(missing_ok=True)


def refuse_taken(folder: Path, files: tuple[str, ...], keys: set[str], force: bool = False) -> dict[str, Any] | None:
    """Refuse a folder in which a study's files would take the place of someone else's.

    Parameters
    ----------
    folder : Path
        Need not exist yet.
    files : tuple of str
        Names of what the study writes; the first is its JSON object, by which its own folder is known.
    keys : set of str
        What that object has.
    force : bool
        Whether they may take the place of other files.

    Returns
    -------
    dict or None
        The object of an earlier study of the kind.

    Raises
    ------
    BadInput
        If one of the files is there and isn't such a study's, or no folder can be made.
    """
    _refuse_place(folder)
    there = [name for name in files if os.path.lexists(folder / name)]
    odd = [name for name in there if (folder / name).is_dir()]
    if odd:
        raise BadInput("a folder, where a file belongs", str(folder / odd[0]), "another --out")
    try:
        found = read_json(folder / files[0]) if there else None
    except BadInput:
        found = None
    if isinstance(found, dict) and set(found) >= keys:
        return found
    if there and not force:
        raise BadInput("is there, and isn't such a study's", str(folder / there[0]), "another --out, or --force")
    return None


def _refuse_place(folder: Path) -> None:
    """Refuse a folder that is none, or can't be made, before hours are spent on what would go there."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise BadInput("a file, not a folder", str(place), "another --out")
    if place != folder and not os.access(place, os.W_OK | os.X_OK):
        raise BadInput("can't be made (no permission)", str(folder), "a folder to write to")
