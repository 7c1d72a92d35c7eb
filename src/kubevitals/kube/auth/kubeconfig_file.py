"""One kubeconfig file read, checked for its form and merged with others, as kubectl does it.

Each piece knows the file it came from. No message here quotes a value: any of them may be a secret.
"""

from __future__ import annotations

import os

from kubevitals import errors, sanitize
from kubevitals.kube.auth import plainyaml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

_SIZE_LIMIT = 64 << 20  # bytes; a kubeconfig of 1,000 contexts has 6 MB
_DEPTH_LIMIT = 100


class Entry(NamedTuple):
    """One cluster, user or context: its fields, and the words for messages about it.

    `path` is the file it came from ("" for options); relative paths in it resolve against that file's folder.
    """

    kind: str
    name: str
    body: Mapping[str, Any]
    path: str = ""

    def __repr__(self) -> str:
        return f"<Entry {self.where}>"

    @property
    def where(self) -> str:
        """Return for messages which entry of which file it is."""
        named = f'{self.kind} "{sanitize.excerpt(self.name)}"' if self.name else self.kind
        return f"{named} in {sanitize.excerpt(self.path)}" if self.path else named

    def replaced(self, fields: Mapping[str, Any]) -> Entry:
        """Return the same entry with some fields set anew; None takes a field away."""
        body = {**self.body, **fields}
        kept = {key: value for key, value in body.items() if value is not None}
        return Entry(self.kind, self.name, body=kept, path=self.path)

    def text(self, field: str) -> str:
        """Return a string field, "" where it is absent."""
        value = self.body.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(field, f"is {_kind_of(value)}, not text", remedy="Put the value in quotes.")
        return value

    def flag(self, field: str) -> bool:
        """Return a boolean field, False where it is absent."""
        value = self.body.get(field)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(field, f"is {_kind_of(value)}, not true or false", remedy="Write true or false.")
        return value

    def texts(self, field: str) -> list[str]:
        """Return a list of strings, empty where it is absent."""
        value = self.body.get(field)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(field, "is not a list of texts", remedy="Put each item in quotes.")
        return value

    def mapping(self, field: str) -> Mapping[str, Any]:
        """Return a field that holds further fields, empty where it is absent."""
        value = self.body.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(field, f"is {_kind_of(value)}, not a mapping")
        return value

    def items(self, field: str) -> list[Mapping[str, Any]]:
        """Return a list of mappings, empty where it is absent; an item without content is an empty one."""
        value = self.body.get(field)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict | None) for item in value):
            raise self.wrong(field, "is not a list of mappings")
        return [{} if item is None else item for item in value]

    def file(self, field: str) -> str:
        """Return a path field made absolute, "" where it is absent."""
        value = self.text(field)
        if "\0" in value:
            raise self.wrong(field, "is no path")
        return self.resolve(value) if value else ""

    def resolve(self, path: str) -> str:
        """Return a path of this entry, relative to the folder of its file."""
        return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(self.path)), path))  # noqa: PTH100, PTH118, PTH120 - pathlib costs 8 ms

    def data(self, field: str) -> bytes | None:
        """Return a base64 field decoded, None where it is absent."""
        value = self.text(field)
        if not value:
            return None
        import binascii

        try:
            joined = value.replace("\n", "").replace("\r", "").encode("ascii")
            return binascii.a2b_base64(joined, strict_mode=True)
        except ValueError:  # binascii.Error and UnicodeEncodeError are both; their words may quote the value
            raise self.wrong(
                field,
                "is not valid base64",
                remedy=f"Write it anew, or name a file with {field.removesuffix('-data')}.",
            ) from None

    def wrong(self, field: str, what: str, *, remedy: str | None = None) -> errors.ConfigurationError:
        """Return an error about one field, without its value."""
        return errors.ConfigurationError(
            f"{field} of {self.where} {what}", remedy=remedy or "Correct it there."
        )

    def twice(self, field: str) -> errors.ConfigurationError:
        """Return an error about what is both written down and in a file, which kubectl refuses too."""
        return self.wrong(field, f"is given twice, as {field}-data too", remedy="Take one of the two away.")


class Kubeconfig:
    """One or several files merged: entries by name, and the context that is current."""

    __slots__ = ("clusters", "contexts", "current_context", "paths", "users")

    def __init__(self) -> None:
        self.current_context = ""
        self.contexts: dict[str, Entry] = {}
        self.clusters: dict[str, Entry] = {}
        self.users: dict[str, Entry] = {}
        self.paths: list[str] = []

    def merge(self, other: Kubeconfig) -> None:
        """Take over what is not set here: the first file to name an entry wins it whole, as in kubectl."""
        self.current_context = self.current_context or other.current_context
        self.contexts = {**other.contexts, **self.contexts}
        self.clusters = {**other.clusters, **self.clusters}
        self.users = {**other.users, **self.users}
        self.paths += other.paths


def read_file(path: str) -> Kubeconfig | None:
    """Return the kubeconfig in one file, or None if there is no such file.

    Raises:
        errors.ConfigurationError: it cannot be read, or is no kubeconfig.
    """
    data = _read_bytes(path)
    return None if data is None else parse_kubeconfig(decode(data, path)[0], path=path)


def parse_kubeconfig(text: str, *, path: str) -> Kubeconfig:
    """Return the kubeconfig in a text; `path` is where it stands, for messages and relative paths."""
    config = Kubeconfig()
    config.paths.append(path)
    document = parse_document(text, path)
    if document is None:
        return config  # an empty file is as good as none, as in kubectl
    if not isinstance(document, dict):
        raise _no_kubeconfig(
            path, f"its top is {_kind_of(document)}, not a mapping with clusters, contexts, users"
        )
    top = Entry("kubeconfig", "", body=document, path=path)
    kind, version = top.text("kind"), top.text("apiVersion")
    if kind not in {"", "Config"} or version not in {"", "v1"}:
        raise _no_kubeconfig(
            path, f"its kind is {sanitize.excerpt(kind)} of {sanitize.excerpt(version)}, not Config of v1"
        )
    config.current_context = top.text("current-context")
    config.contexts = _read_entries(top, "contexts", "context")
    config.clusters = _read_entries(top, "clusters", "cluster")
    config.users = _read_entries(top, "users", "user")
    return config


def _read_entries(top: Entry, field: str, kind: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for item in top.items(field):
        name = Entry(f"entry of {field}", "", body=item, path=top.path).text("name")
        body = Entry(kind, name, body=item, path=top.path).mapping(kind)
        if name in entries:
            raise errors.ConfigurationError(
                f'{field} of {sanitize.excerpt(top.path)} holds the name "{sanitize.excerpt(name)}" twice',
                remedy="Take one of them away, or give it another name.",
            )
        entries[name] = Entry(kind, name, body=body, path=top.path)
    return entries


def _read_bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 8 ms
            data = file.read(_SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise errors.ConfigurationError(
            f"{sanitize.excerpt(path)} is a folder, not a kubeconfig file", remedy="Name the file inside it."
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is no path"
        raise errors.ConfigurationError(
            f"kubeconfig {sanitize.excerpt(path)} cannot be read: {reason}",
            remedy="Check its permissions, or name another with --kubeconfig or KUBECONFIG.",
        ) from error
    if len(data) > _SIZE_LIMIT:
        raise _no_kubeconfig(path, f"it is larger than {_SIZE_LIMIT >> 20} MiB")
    return data


def decode(data: bytes, path: str) -> tuple[str, str]:
    """Return the text of a kubeconfig, and the encoding that makes the same bytes of it.

    Raises:
        errors.ConfigurationError: it is no text.
    """
    # PowerShell's redirection writes UTF-16 with a byte order mark, and kubectl reads it.
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    if data.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_kubeconfig(path, f"it is not text (byte {error.start})") from None
    if "\0" in text:
        raise _no_kubeconfig(path, "it is not text (it holds null bytes)")
    return text, encoding


def parse_document(text: str, path: str) -> object:
    """Return what a text holds, with texts where kubectl reads texts; None where it is empty.

    Raises:
        errors.ConfigurationError: it is no YAML.
    """
    if not text or text.isspace():
        return None
    try:
        document = plainyaml.parse_plain(text)
        if document is not None:
            return document
        if text.lstrip()[0] == "{":
            import json

            try:
                return json.loads(text)
            except ValueError:
                pass  # YAML's flow style begins alike, and its reader says where the fault is
        return _parse_yaml(text, path)
    except RecursionError:
        raise _no_kubeconfig(path, "it is nested too deeply") from None


def _parse_yaml(text: str, path: str) -> object:
    import re

    import yaml

    parent: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # kubectl's reader leaves dates, numbers to the base 60 and "=" as text; PyYAML makes something of them.
    base_60 = ("tag:yaml.org,2002:str", re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z"))
    others = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    resolvers = {
        first: [base_60, *(pair for pair in pairs if pair[0] not in others)]
        for first, pairs in parent.yaml_implicit_resolvers.items()
    }
    make = type("KubeconfigLoader", (parent,), {"yaml_implicit_resolvers": resolvers})
    try:
        _check_depth(yaml.parse(text, Loader=parent), path)
        loader = make(text)
        try:
            return loader.get_data() if loader.check_data() else None  # the first document only, as kubectl
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, TypeError) as error:
        # Not `from error`: PyYAML's words and traceback may quote the file.
        raise _yaml_error(error, text, path) from None


def _check_depth(events: Iterable[Any], path: str) -> None:
    """Refuse what is nested so deeply that PyYAML's C code would run off its stack and end the process."""
    depth = 0
    for event in events:
        name = type(event).__name__
        if name == "DocumentEndEvent":
            break
        if name in {"MappingStartEvent", "SequenceStartEvent"}:
            depth += 1
        elif name in {"MappingEndEvent", "SequenceEndEvent"}:
            depth -= 1
        if depth > _DEPTH_LIMIT:
            raise _no_kubeconfig(path, "it is nested too deeply")


def _yaml_error(error: Exception, text: str, path: str) -> errors.ConfigurationError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        place = f" in line {mark.line + 1}, column {mark.column + 1}"
    elif isinstance(position := getattr(error, "position", None), int):
        before = text[:position]
        place = f" in line {before.count(chr(10)) + 1}, column {position - before.rfind(chr(10))}"
    else:
        place = ""
    import re

    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "a value that does not fit"
    problem = re.sub(r"(['\"]).{2,}\1", "(a text)", sanitize.excerpt(str(problem)))
    return errors.ConfigurationError(
        f"{sanitize.excerpt(path)} is not valid YAML{place}: {problem}",
        remedy="Correct that line, or name another file with --kubeconfig.",
    )


def _no_kubeconfig(path: str, why: str) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f"{sanitize.excerpt(path)} is not a kubeconfig: {why}",
        remedy="Name a kubeconfig with --kubeconfig or KUBECONFIG.",
    )


def _kind_of(value: object) -> str:
    """Return a word for a decoded value's type, for people who know YAML and not Python."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a text", list: "a list", dict: "a mapping", int: "a number", float: "a number"}
    return names.get(type(value), "of an unknown type")
