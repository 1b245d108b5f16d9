"""One process at a time works in a directory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

from kedit.errors import InputError

LOCK = ".lock"


class DirectoryLock:
    """An advisory lock on `.lock`, or another file. The system drops it when its process dies, so that no lock is ever stale."""

    def __init__(self, path: Path, name: str = LOCK) -> None:
        self._stream: IO[str] | None = (path / name).open("a+", encoding="utf-8")
        if not _try_lock(self._stream):
            self._stream.seek(0)
            holder = self._stream.read().strip() or "unknown"
            self._stream.close()
            self._stream = None
            advice = "Wait for it to end, stop it, or choose another directory with --out."
            raise InputError(f"another process (pid {holder}) is working in {path}", advice=advice)
        self._stream.truncate(0)
        self._stream.write(f"{os.getpid()}\n")
        self._stream.flush()

    def release(self) -> None:
        """Let others in. The file stays, for removing it would let two processes lock two files of one name."""
        if self._stream:
            self._stream.truncate(0)
            self._stream.close()
            self._stream = None


def _try_lock(stream: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            stream.seek(1 << 30)  # beyond the text, so that others can read who holds it
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems know no locks: better to work there unlocked than not at all.
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True
