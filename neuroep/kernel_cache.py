"""numba's njit with a cache that never stands in the way: in a read-only installation, on a full disk, when damaged.

numba gives up on a function for which it finds no folder to write to, fails where it can't write, and loads machine
code as it finds it. Here a folder of one's own under the temporary directory comes last among the places that numba
tries; what can't be read is compiled anew; and machine code is loaded only with the checksum it was saved with, and
only if no source that is compiled has changed since: numba looks at a kernel's own file alone, not at those of the
functions that it calls.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

Function = TypeVar("Function", bound=Callable[..., Any])
#: Of numba's own places, the one that is a folder given by the user: what it does with a folder is done with ours.
_InFolder: Any = CompileResultCacheImpl._locator_classes[0]


@functools.cache
def sources_stamp(folder: Path = Path(__file__).parent) -> str:
    """Return a digest of all files below a folder that name numba or this module: whose code may be in a kernel."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        text = file.read_bytes()
        if b"numba" in text or b"kernel_cache" in text:
            digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()


def njit(*, cache: bool = False, **options: Any) -> Callable[[Function], Function]:
    """Return numba's decorator of the same name and options, with this module's cache.

    Kernels divide as numpy does: what isn't finite is told by result codes, not by a ZeroDivisionError. Both options
    are always given: numba hands those of a caller down to what it calls for the first time, so that results would
    depend on which of two callers came first.
    """

    def compiled(function: Function) -> Function:
        dispatcher: Any = numba.njit(**{"error_model": "numpy", "fastmath": False, **options})(function)
        if cache and hasattr(dispatcher, "_cache"):  # not where numba is switched off
            with suppress(RuntimeError):  # no place at all: compiled in every process
                dispatcher._cache = Cache(function)
        return dispatcher  # type: ignore[no-any-return]

    return compiled


class _Temporary(_InFolder):  # type: ignore[misc]
    """A folder of this user's own under the temporary directory."""

    def __init__(self, function: Any, file: str) -> None:
        super().__init__(function, file)
        self._cache_path = os.path.join(_own_folder(), self.get_suitable_cache_subpath(file))

    @classmethod
    def from_function(cls, function: Any, file: str) -> Any:
        """Return the place if it can be made and written to, else None."""
        try:
            found = cls(function, file)
            found.ensure_cache_path()
        except OSError:
            return None
        return found


def _own_folder() -> str:
    """A folder that nobody else can write to: what lies in it is run."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"neuroep-kernels-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if hasattr(os, "getuid") and (found.st_uid != user or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022):
        raise PermissionError(f"{folder} isn't this user's own")
    return str(folder)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [*CompileResultCacheImpl._locator_classes, _Temporary]  # noqa: RUF012 (numba's, never changed)


class _SealedFile(IndexDataCacheFile):
    """Saves with each entry a checksum of it and of what it was compiled for."""

    def save(self, key: Any, data: Any) -> None:
        blob = self._dump(data)
        super().save(key, (_checksum(key, blob), blob))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        if found is None:
            return None
        seal, blob = found
        if seal != _checksum(key, blob):
            raise ValueError("damaged")
        return pickle.loads(blob)


def _checksum(key: Any, blob: bytes) -> bytes:
    return hashlib.sha256(repr(key).encode() + blob).digest()


class Cache(FunctionCache):
    """A cache of one function that compiles anew what it can't read, and goes on where it can't write."""

    _impl_class = _Implementation

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        kept = self._cache_file
        self._cache_file = _SealedFile(
            kept._cache_path, self._impl.filename_base, (kept._source_stamp, sources_stamp())
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling damaged bytes may raise anything
            with suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save a compiled function if there is room for it."""
        with suppress(Exception):  # a full disk, or an index that can't be read
            super().save_overload(sig, data)
