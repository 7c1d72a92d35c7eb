"""JSON of small answers to Python values, without the import of `json`, which brings `re` and takes 8 ms.

`_json` holds the C scanner that json.loads itself calls. Large lists are msgspec's; this must not know them.
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def loads(body: bytes) -> Any:
    """Return what json.loads does, except that NaN and Infinity, which JSON does not have, are refused.

    Raises:
        ValueError: this is not JSON in UTF-8.
    """
    text = body.decode("utf-8-sig").strip(" \t\r\n")
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        raise ValueError("there is no value") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end != len(text):
        raise ValueError(f"something follows the value, at character {end}")
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


class _Context:
    """What the scanner asks json.JSONDecoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)


_SCAN: Any = _json.make_scanner(_Context())  # type: ignore[arg-type]  # any object with these attributes will do
