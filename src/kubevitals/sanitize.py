"""Text from outside made safe to show: no control characters, no credentials, no more than fits.

Everything a server, a plugin, a file or a user has written passes here before it stands in a message, a log
or a table. `re` is imported only where there may be something to hide.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "[hidden]"
LIMIT = 200  # characters of foreign text in a message
_REPLACEMENT = "\ufffd"

# The key, its quote, the sign, and a value in quotes or without; backslashes may stand before quotes.
_ASSIGNMENT = (
    r"(?i)((?:password|passwd|secret|token|credential|api[_-]?key)[\w-]{0,40}\\{0,4}[\"']?\s*[:=]\s*)"
    r"(?:\\*\"[^\"]*\"?|\\*'[^']*'?|[^\s\"'&,;]+)"
)
# Each with what replaces it. What could be read as a word of prose is hidden too: better too much.
_CREDENTIALS = (
    (r"(?s)-----BEGIN [^-]*PRIVATE KEY-----.*", HIDDEN),
    (r"(?<=://)[^\s\"'<>]{0,500}@", HIDDEN + "@"),  # user and password of a URL, which may hold "/" and "@"
    (r"(?i)\b(bearer|basic|negotiate)\s+[^\s\"',;]{4,}", r"\1 " + HIDDEN),
    (r"\bey[JA][A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*)*", HIDDEN),  # a JSON web token
    (r"\b(k8s-aws-v1|ya29)\.[\w.-]+|\bsha256~[\w-]+", HIDDEN),  # tokens of EKS, GKE and OpenShift
    (_ASSIGNMENT, r"\1" + HIDDEN),
)
# In lower case, what each of them begins with: text without any of these needs no patterns.
_SIGNS = (
    "private key-----", "://", "bearer", "basic", "negotiate", "eyj", "eya", "k8s-aws-v1", "ya29", "sha256~",
    "password", "passwd", "secret", "token", "credential", "api",
)  # fmt: skip
_OPAQUE = r"[A-Za-z0-9_+=-]{32,}"
_COLORS = r"\x1b\[[0-?]*[ -/]*[@-~]"


def printable(text: str) -> str:
    """Return the text with U+FFFD for each character that could steer a terminal or turn its direction."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _REPLACEMENT for character in text)


def json_text(content: bytes) -> bytes:
    """Return the same JSON document, with what `printable` would replace escaped: it steers no terminal."""
    if content.isascii() and b"\x7f" not in content:
        return content
    text = content.decode("utf-8", "replace")
    if text.isprintable():
        return content
    escaped = (each if each.isprintable() or each == "\n" else _escape(each) for each in text)
    return "".join(escaped).encode()


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def spreadsheet_cell(text: str) -> str:
    """Return the text for a cell of CSV: printable, with an apostrophe before what would run as a formula."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def shorten(text: str, limit: int = LIMIT) -> str:
    """Return at most `limit` printable characters of the text, the last of them "…" where it is longer."""
    return _cut(printable(text[: limit + 1]), limit)


def excerpt(
    text: str | bytes, limit: int = LIMIT, *, secrets: Iterable[str] = (), opaque: bool = False
) -> str:
    """Return one line of at most `limit` printable characters for a message, without credentials.

    `secrets` are values known to be secret. With `opaque` each run of 32 letters and digits goes too, as in
    the output of a program that handles tokens.
    """
    text = text[: 16 * limit]  # bounds the time that hostile text takes
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    if not opaque and text.isprintable() and not any(sign in text.lower() for sign in _SIGNS):
        return _cut(" ".join(text.split()), limit)
    import re

    text = _scrub(text)
    # Invisible characters may stand in the middle of a word that the patterns look for.
    text = re.sub(_COLORS, "", text)
    text = "".join(
        each if each.isprintable() else " " if each.isspace() or each < " " else "" for each in text
    )
    text = _scrub(text)
    if opaque:
        text = re.sub(_OPAQUE, HIDDEN, text)
    return _cut(" ".join(text.split()), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _scrub(text: str) -> str:
    import re

    for pattern, replacement in _CREDENTIALS:
        text = re.sub(pattern, replacement, text)
    return text
