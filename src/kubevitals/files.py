"""Writing a file in one step: whoever reads it finds the old content or the whole new one, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO, Self


class AtomicFile:
    """A file in the making, which takes the place of `path` when the `with` block ends.

    Until then, and for ever if the block ends with an exception or `discard` was called, `path` stays as it
    was. The new content is written beside it, under a name that no collector of `.prom` or `.yaml` files
    reads, and is on the disk before it takes its place.

    Args:
        path: a file, or where one is to be. Links, pipes, devices and directories are never replaced.
        what: the content in a word or two, for error messages, such as "the metrics".
        mode: permissions of the new file; by default those that the umask gives.

    Raises:
        errors.ConfigurationError: by the block's begin or end: the file cannot be written there.
    """

    def __init__(self, path: str, *, what: str, mode: int | None = None) -> None:
        self._path = path
        self._what = what
        self._mode = mode
        self._temporary = ""
        self._discarded = False

    def __enter__(self) -> Self:
        self._refuse_others()
        folder = os.path.dirname(os.path.abspath(self._path))  # noqa: PTH100, PTH120 - pathlib starts slowly
        self._temporary = os.path.join(folder, f".kubevitals-{os.urandom(8).hex()}.tmp")  # noqa: PTH118 - as above
        mode = 0o666 if self._mode is None else 0o600
        try:
            # O_EXCL: nobody has put a file or a link of that name there before us.
            handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        except OSError as error:
            raise self._failure(error) from error
        self.file: BinaryIO = os.fdopen(handle, "wb")
        return self

    def discard(self) -> None:
        """Leave `path` as it was."""
        self._discarded = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self.file:
                if kind is None and not self._discarded:
                    self._finish()
                    return
        except OSError as failed:
            raise self._failure(failed) from failed
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)  # noqa: PTH108 - as above; gone if it has taken its place
        if isinstance(error, OSError):
            raise self._failure(error) from error

    def _finish(self) -> None:
        self.file.flush()
        if self._mode is not None:
            os.chmod(self._temporary, self._mode)  # noqa: PTH101 - as above
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self._temporary, self._path)  # noqa: PTH105 - as above

    def _refuse_others(self) -> None:
        try:
            mode = os.lstat(self._path).st_mode
        except OSError:  # there is nothing yet, or opening the temporary file tells what is wrong
            return
        if not stat.S_ISREG(mode):
            raise errors.ConfigurationError(
                f"{self._path} is {'a link' if stat.S_ISLNK(mode) else 'no file'}, and {self._what} would "
                "take its place",
                remedy="name a file, or where one is to be",
            )

    def _failure(self, error: OSError) -> errors.ConfigurationError:
        return errors.ConfigurationError(
            f"{self._what} cannot be written to {self._path}: {error.strerror or error}",
            remedy="name a file in a directory that exists, that you may write to and that has room",
        )


def open_state(path: str) -> int:
    """Return a descriptor of a file of this program's own, for reading and writing, made if need be.

    Raises:
        OSError: it cannot be opened, or a link, a pipe or a device is there, put there by anybody.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY | _NO_LINK | _NO_WAIT, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file", path)
    return handle


def refuse_link(path: str) -> None:
    """Return unless there is something at the path that is no file.

    Raises:
        OSError: a link, a pipe, a device or a directory is there.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.ELOOP, "it is a link, or no file", path)


_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)  # both are unknown to Windows
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)  # for the other end of a pipe
_BINARY: int = getattr(os, "O_BINARY", 0)  # of Windows, where line ends would be rewritten


def write(path: str, content: bytes, *, what: str, mode: int | None = None) -> None:
    """Write the whole content in one step. Arguments and errors are those of `AtomicFile`."""
    with AtomicFile(path, what=what, mode=mode) as made:
        made.file.write(content)
