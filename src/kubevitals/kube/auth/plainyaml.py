"""The plain part of YAML that most kubeconfigs are written in, read in well under a millisecond.

It knows YAML 1.1, and nothing of kubeconfigs. Importing PyYAML costs 40 ms, as much as the whole of kubectl,
so this reads what it is sure of (block mappings and sequences, plain and simply quoted scalars, comments) and
says None to everything else, which PyYAML then reads. It never gives another answer than PyYAML would.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS: Final = frozenset("0123456789")
_KEY_CHARACTERS: Final = _LETTERS | _DIGITS | frozenset("_-./")
_KEY_LIMIT: Final = 128  # YAML allows 1,024 characters in a simple key
_DEPTH_LIMIT: Final = 32
_PLAIN_STARTS: Final = _LETTERS | _DIGITS | frozenset("_/.-+~")
_CONTINUATION_STARTS: Final = _LETTERS | _DIGITS | frozenset("/")
# Without another character than these a text may be a number, a base-60 number or a point in time.
_NUMERIC_CHARACTERS: Final = _DIGITS | frozenset("eE_.:+-tTzZ ")
_HEX_CHARACTERS: Final = _DIGITS | frozenset("abcdefABCDEFxX_")
_WORDS: Final[dict[str, bool | None]] = {
    **{word: True for low in ("yes", "true", "on") for word in (low, low.capitalize(), low.upper())},
    **{word: False for low in ("no", "false", "off") for word in (low, low.capitalize(), low.upper())},
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
}


class _Unsure(Exception):  # noqa: N818 - it is no error, it leaves the recursion
    """Something outside the plain part was seen."""


def parse_plain(text: str) -> object | None:
    """Return the document as dicts, lists, strings, ints, bools and None; None if a part is not plain YAML.

    The answer is the same as that of `yaml.safe_load`. None also stands for an empty document.
    """
    text = text.replace("\r\n", "\n")
    if not (text.isascii() and text.replace("\n", "").isprintable()):
        return None
    try:
        lines = _split_lines(text)
        if not lines:
            return None
        reader = _Reader(lines)
        value = reader.read_block(lines[0][0], depth=0)
    except _Unsure:
        return None
    return value if reader.position == len(lines) else None


def _split_lines(text: str) -> list[tuple[int, str, int]]:
    """Return (indent, content, line number) of each line that holds something, without a leading `---`."""
    lines: list[tuple[int, str, int]] = []
    started = False
    for number, raw in enumerate(text.split("\n")):
        content = raw.strip(" ")
        if not content or content[0] == "#":
            continue
        indent = len(raw) - len(raw.lstrip(" "))
        if indent == 0 and content[:3] in {"---", "..."}:
            if started or content != "---":
                raise _Unsure
            started = True
            continue
        started = True
        lines.append((indent, content, number))
    return lines


class _Reader:
    """A cursor over the lines, and the recursive descent over it."""

    __slots__ = ("lines", "position")

    def __init__(self, lines: list[tuple[int, str, int]]) -> None:
        self.lines = lines
        self.position = 0

    def read_block(self, indent: int, *, depth: int) -> object:
        if depth > _DEPTH_LIMIT:
            raise _Unsure
        if _is_item(self.lines[self.position][1]):
            return self.read_sequence(indent, depth=depth)
        return self.read_mapping(indent, depth=depth)

    def read_mapping(self, indent: int, *, depth: int) -> dict[str, object]:
        mapping: dict[str, object] = {}
        while self.position < len(self.lines):
            at, content, _ = self.lines[self.position]
            if at < indent:
                break
            if at > indent or _is_item(content):
                raise _Unsure
            split = _split_key(content)
            if split is None:
                raise _Unsure
            key, rest = split
            if key in mapping:
                raise _Unsure
            mapping[key] = self.read_value(rest, indent, depth=depth, in_mapping=True)
        return mapping

    def read_sequence(self, indent: int, *, depth: int) -> list[object]:
        items: list[object] = []
        while self.position < len(self.lines):
            at, content, number = self.lines[self.position]
            if at < indent or (at == indent and not _is_item(content)):
                break
            if at > indent:
                raise _Unsure
            rest = content[1:].lstrip(" ")
            if _is_item(rest):
                raise _Unsure  # a sequence that begins within another's line
            if rest and rest[0] != "#" and _split_key(rest) is not None:
                # A mapping that begins behind the dash: its indent is where its first key stands.
                column = indent + len(content) - len(rest)
                self.lines[self.position] = (column, rest, number)
                items.append(self.read_mapping(column, depth=depth + 1))
            else:
                items.append(self.read_value(rest, indent, depth=depth, in_mapping=False))
        return items

    def read_value(self, rest: str, indent: int, *, depth: int, in_mapping: bool) -> object:
        """Return what follows `key:` or `-`, on its line or below; moves behind it."""
        number = self.lines[self.position][2]
        self.position += 1
        if rest and rest[0] != "#":
            if rest[0] in _PLAIN_STARTS:
                rest = self.join_continuation(rest, indent, number)
            return _read_scalar(rest)
        if self.position == len(self.lines):
            return None
        at, content, _ = self.lines[self.position]
        if at > indent:
            return self.read_block(at, depth=depth + 1)
        if in_mapping and at == indent and _is_item(content):
            return self.read_sequence(indent, depth=depth + 1)
        return None

    def join_continuation(self, text: str, indent: int, number: int) -> str:
        """Fold a plain scalar over several lines; one with a comment or a blank line in it is not plain."""
        while self.position < len(self.lines):
            at, content, line = self.lines[self.position]
            if at <= indent:
                break
            number += 1
            if line != number or " #" in text or content[0] not in _CONTINUATION_STARTS:
                raise _Unsure
            text = f"{text} {content}"
            self.position += 1
        return text


def _is_item(content: str) -> bool:
    return content[:2] == "- " or content == "-"


def _split_key(content: str) -> tuple[str, str] | None:
    """Return ("key", "the rest") of `key: the rest`, or None where no plain key begins."""
    end = content.find(":")
    if end <= 0 or content[end + 1 : end + 2] not in {"", " "}:
        return None
    key = content[:end]
    if len(key) > _KEY_LIMIT or not _KEY_CHARACTERS.issuperset(key):
        return None
    if not isinstance(_read_plain(key), str):
        raise _Unsure
    return key, content[end + 1 :].lstrip(" ")


def _read_scalar(text: str) -> object:
    first = text[0]
    if first in _PLAIN_STARTS:
        comment = text.find(" #")
        return _read_plain(text if comment < 0 else text[:comment].rstrip(" "))
    if first == '"':
        end = text.find('"', 1)
        if end < 0 or "\\" in text[:end]:
            raise _Unsure
        value: object = text[1:end]
    elif first == "'":
        end = _find_single_quote(text)
        value = text[1:end].replace("''", "'")
    elif text[:2] in {"{}", "[]"}:
        end = 1
        value = {} if first == "{" else []
    else:
        raise _Unsure
    tail = text[end + 1 :]
    if tail and not (tail[0] == " " and tail.lstrip(" ")[0] == "#"):
        raise _Unsure
    return value


def _find_single_quote(text: str) -> int:
    """Return where the scalar that begins with a single quote ends; two of them in a row stand for one."""
    end = text.find("'", 1)
    while end >= 0 and text[end + 1 : end + 2] == "'":
        end = text.find("'", end + 2)
    if end < 0:
        raise _Unsure
    return end


def _read_plain(text: str) -> object:
    """Return a plain scalar by YAML 1.1: null, bool, int or str; unsure of what might be anything else."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first not in _PLAIN_STARTS or ": " in text or text[-1] == ":":
        raise _Unsure
    if first in _LETTERS or first in "_/":
        return text
    if first in _DIGITS:
        if _DIGITS.issuperset(text) and len(text) <= 18 and (first != "0" or text == "0"):
            return int(text)
        characters = _HEX_CHARACTERS if text[:2] in ("0x", "0X", "0b", "0B") else _NUMERIC_CHARACTERS
        if not characters.issuperset(text):
            return text  # a token of hex digits, say
        raise _Unsure
    second = text[1:2]
    if first == "-" and second and (second == "-" or second in _LETTERS):
        return text  # an option: no number begins so
    if first == "." and second and second in "./":
        return text  # a relative path
    raise _Unsure
