"""Words as they are typed in a shell: removing quotes and adding them.

Nothing is expanded or run: `$HOME`, `$(date)` and `~` stay as they are.
"""

from __future__ import annotations

_SAFE = frozenset("_./:=@%+,-")
_IN_DOUBLE_QUOTES = frozenset('\\$`"')


def unquote(raw: str) -> tuple[str, str]:
    r"""Return the word without quotes, and the quote that is still open at its end, or "".

    The rules are those of POSIX shells, to which fish's are close enough: within single quotes a backslash
    is itself, within double quotes it escapes `\ $ ` "` and else stays.
    """
    text: list[str] = []
    quote = ""
    index = 0
    while index < len(raw):
        character = raw[index]
        index += 1
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == "\\" and quote != "'":
            following = raw[index : index + 1]
            index += 1
            if quote and following not in _IN_DOUBLE_QUOTES:
                text.append("\\")
            text.append(following)
        else:
            text.append(character)
    return "".join(text), quote


def quote_for_bash(text: str, quote: str = "") -> str:
    """Return the text as it must be typed in bash, bare or within an open quote."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        # Within double quotes nothing takes the meaning of history from "!": it stands in single ones.
        escaped = "".join(f"\\{each}" if each in _IN_DOUBLE_QUOTES else each for each in text)
        return escaped.replace("!", "\"'!'\"")
    return "".join(each if each.isalnum() or each in _SAFE else f"\\{each}" for each in text)


def replace_in_bash(raw: str, whole: str, *, breaks: str) -> str:
    """Return what bash must insert so that the word typed as `raw` becomes `whole`.

    Bash replaces only what follows the last unquoted word break (of COMP_WORDBREAKS) or the open quote.
    """
    start = _find_start(raw, breaks)
    _, quote = unquote(raw)
    kept, _ = unquote(raw[:start])
    return quote_for_bash(whole[len(kept) :], quote)


def _find_start(raw: str, breaks: str) -> int:
    start = 0
    quote = ""
    index = 0
    while index < len(raw):
        character = raw[index]
        index += 1
        if quote:
            if character == "\\" and quote == '"':
                index += 1
            elif character == quote:
                quote = ""
        elif character == "\\":
            index += 1
        elif character in "'\"":
            quote, start = character, index
        elif character in breaks:
            start = index
    return start
