"""Tokens of a user replaced in the kubeconfig that holds them, under kubectl's lock.

Two texts change and nothing else: comments, order and the other entries stay as they are. What would come
out different, or cannot be written, is refused before anything is asked of anybody.
"""

from __future__ import annotations

import contextlib
import os
import time

from kubevitals import errors, sanitize
from kubevitals.kube.auth import kubeconfig_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Any, BinaryIO, Self

_PATIENCE = 5.0  # seconds that another program may hold the lock
_PAUSE = 0.05
_ROOM = 64 << 10  # bytes that new tokens may take


class TokenEdit:
    """One user's auth-provider in one kubeconfig file, locked against kubectl within a `with` block.

    Args:
        path: the file, as kubectl is given it: its lock has that name with `.lock`.
        user: the name of the user entry.
        patience: for how many seconds a lock of somebody else is waited for.

    Raises:
        errors.CredentialsError: by the block's begin: the file is locked, cannot be read or written, or has
            no such user any more.
    """

    def __init__(self, path: str, user: str, *, patience: float = _PATIENCE) -> None:
        self._path = path
        self._user = user
        self._patience = patience
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_lock(self._path, self._patience))
            self._target = os.path.realpath(self._path)  # what a link leads to is written, as by kubectl
            try:
                self._file: BinaryIO = stack.enter_context(open(self._target, "r+b"))  # noqa: PTH123
                data = self._file.read()
                self._spare = stack.enter_context(_Spare(self._target, self._file, len(data) + _ROOM))
            except OSError as error:
                raise _unwritable(self._path, error.strerror or str(error)) from error
            self._text, self._encoding = kubeconfig_file.decode(data, self._path)
            entry = kubeconfig_file.parse_kubeconfig(self._text, path=self._path).users.get(self._user)
            provider = {} if entry is None else entry.mapping("auth-provider")
            config = provider.get("config")
            if not isinstance(config, dict):
                raise _unwritable(self._path, f'it has no user "{sanitize.excerpt(self._user)}" any more')
            self.config: Mapping[str, Any] = config
            self._replace({"id-token": "a.b.c", "refresh-token": "x"})  # finds out whether that can be done
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def write(self, tokens: Mapping[str, str]) -> None:
        """Put these fields of the auth-provider's config in place of those that are there.

        Raises:
            errors.CredentialsError: they cannot be written, against what was found out before.
        """
        data = self._replace(tokens).encode(self._encoding)
        try:
            if not self._spare.take_place(data):
                _write_whole(self._file, data)
        except OSError as error:
            raise _unwritable(self._path, error.strerror or str(error)) from error

    def _replace(self, tokens: Mapping[str, str]) -> str:
        """Return the text with these fields set anew, read again to see that nothing else changed."""
        text = _set_fields(self._text, self._user, tokens)
        before = _parse(self._text, self._path)
        _config_of(before, self._user).update(tokens)
        if text is None or _parse(text, self._path) != before:
            raise _unwritable(self._path, "its way of writing YAML is not one that can be edited here")
        return text


def _write_whole(file: BinaryIO, data: bytes) -> None:
    """Make this a file's whole content, and see it on the disk."""
    file.seek(0)
    file.write(data)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


class _Spare:
    """A file beside the kubeconfig that is to take its place: with its owner, its permissions and room."""

    def __init__(self, target: str, original: BinaryIO, size: int) -> None:
        self._target = target
        self._original = original
        self._size = size
        self._path = ""

    def __enter__(self) -> Self:
        folder, name = os.path.split(self._target)
        path = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp")  # noqa: PTH118 - pathlib starts slowly
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(path, flags, 0o600)
        except OSError:
            return self  # the folder is not ours: the kubeconfig itself is written, as kubectl does
        self._path = path
        self._file = os.fdopen(handle, "wb")
        try:
            self._copy_owner()
            self._file.write(bytes(self._size))  # the disk has room, or says so now
            self._file.flush()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def take_place(self, data: bytes) -> bool:
        """Put the content in the kubeconfig's place in one step; return whether that can be done here."""
        if not self._path:
            return False
        try:
            _write_whole(self._file, data)
            self._file.close()
            os.replace(self._path, self._target)  # noqa: PTH105 - pathlib starts slowly
        except OSError:  # such as a file that is a mount of its own
            return False
        self._path = ""
        return True

    def _copy_owner(self) -> None:
        was, now = os.fstat(self._original.fileno()), os.fstat(self._file.fileno())
        try:
            if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
                os.chown(self._path, was.st_uid, was.st_gid)
            os.chmod(self._path, was.st_mode & 0o7777)  # noqa: PTH101 - pathlib starts slowly
        except OSError:  # whoever owns the kubeconfig has to own it afterwards
            self._remove()

    def _remove(self) -> None:
        if self._path:
            with contextlib.suppress(OSError):  # what is still to be written has no room
                self._file.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108 - pathlib starts slowly
            self._path = ""


@contextlib.contextmanager
def _lock(path: str, patience: float) -> Iterator[None]:
    """Hold kubectl's lock: a file that only one program can make."""
    name = f"{path}.lock"
    until = time.monotonic() + patience
    while True:
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() >= until:
                raise _unwritable(
                    path,
                    f"another program holds the lock {sanitize.excerpt(name)}",
                    remedy="Try again; remove that file if no kubectl is running.",
                ) from None
            time.sleep(_PAUSE)
        except OSError as error:
            raise _unwritable(path, f"its lock cannot be made: {error.strerror or error}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - pathlib starts slowly


def _parse(text: str, path: str) -> dict[str, Any]:
    document = kubeconfig_file.parse_document(text, path)
    return document if isinstance(document, dict) else {}


def _config_of(document: Mapping[str, Any], user: str) -> dict[str, Any]:
    for item in document.get("users") or ():
        if item and item.get("name") == user:
            config: dict[str, Any] = item["user"]["auth-provider"]["config"]
            return config
    return {}


def _set_fields(text: str, user: str, fields: Mapping[str, str]) -> str | None:
    """Return the text with fields of a user's auth-provider config set; None where they are not found."""
    import json

    import yaml

    try:
        documents = yaml.compose_all(text, Loader=yaml.SafeLoader)  # its marks are places in the text
        top = next(documents, None)
        config = _find(_find(_find(_find_user(top, user), "user"), "auth-provider"), "config")
    except yaml.YAMLError:
        return None
    if not isinstance(config, yaml.MappingNode) or not config.value:
        return None
    edits: list[tuple[int, int, str]] = []
    for name, value in fields.items():
        written = json.dumps(value)  # which is YAML, too
        node = _find(config, name)
        if node is not None:
            begin, end = node.start_mark.index, node.end_mark.index
            if text[begin:end].endswith("\n"):  # of a block scalar
                written += "\n" + text[begin:end].rpartition("\n")[2]
            edits.append((begin, end, written))
        else:
            mark = config.value[0][0].start_mark
            gap = ", " if config.flow_style else "\n" + " " * mark.column
            edits.append((mark.index, mark.index, f'"{name}": {written}{gap}'))
    for begin, end, written in sorted(edits, reverse=True):
        text = text[:begin] + written + text[end:]
    return text


def _find_user(top: Any, user: str) -> Any:
    for item in getattr(_find(top, "users"), "value", ()):
        if getattr(_find(item, "name"), "value", None) == user:
            return item
    return None


def _find(node: Any, name: str) -> Any:
    """Return the node of a key in a mapping; None where there is none, or no mapping."""
    pairs = node.value if node is not None and node.id == "mapping" else ()
    return next((value for key, value in pairs if key.value == name), None)


def _unwritable(path: str, why: str, *, remedy: str | None = None) -> errors.CredentialsError:
    return errors.CredentialsError(
        f"{sanitize.excerpt(path)} cannot take a new token: {why}",
        remedy=remedy or "Make the file one that you may write, or log in again and name that kubeconfig.",
    )
