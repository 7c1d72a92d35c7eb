"""How one answer differs from another in what a client can rely on: words, keys and kinds, not values.

A difference is a short text that says where: `status: 400, recorded 422`, `lacks spec.nodeName`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Below these keys stand names that users choose, not fields of the API.
_FREE = frozenset(
    {
        "allocatable",
        "annotations",
        "capacity",
        "data",
        "extra",
        "fieldsV1",
        "hard",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "requests",
        "selector",
        "usage",
        "used",
    }
)
_STRUCTURED_SELECTOR = frozenset({"matchLabels", "matchExpressions"})


def key_paths(value: Any, start: str = "") -> set[str]:
    """The paths of all keys: `spec.containers[].name`."""
    if isinstance(value, list):
        return {path for part in value for path in key_paths(part, f"{start}[]")}
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, part in value.items():
        path = f"{start}.{key}" if start else key
        found.add(path)
        free = key in _FREE and not (
            key == "selector" and isinstance(part, dict) and part.keys() & _STRUCTURED_SELECTOR
        )
        if not free or isinstance(part, list):
            found |= key_paths(part, path)
    return found


def compare_keys(shown: set[str], recorded: set[str]) -> list[str]:
    """What keys are too few or too many; of a key that is, those below it go without saying."""
    return [
        *(f"lacks {path}" for path in _highest(recorded - shown)),
        *(f"has {path}" for path in _highest(shown - recorded)),
    ]


def _highest(paths: set[str]) -> list[str]:
    def above(path: str) -> Iterable[str]:
        while (cut := path.rfind(".")) > 0:
            path = path[:cut]
            yield path
            yield path.removesuffix("[]")

    return sorted(path for path in paths if not any(each in paths for each in above(path)))


def compare_values(shown: Any, recorded: Any, path: str = "") -> list[str]:
    """Where two documents differ at all."""
    if isinstance(shown, dict) and isinstance(recorded, dict):
        return [
            difference
            for key in {**recorded, **shown}
            for difference in compare_values(
                shown.get(key, "(nothing)"), recorded.get(key, "(nothing)"), f"{path}.{key}" if path else key
            )
        ]
    if isinstance(shown, list) and isinstance(recorded, list) and len(shown) == len(recorded):
        return [
            difference
            for pair in zip(shown, recorded, strict=True)
            for difference in compare_values(*pair, f"{path}[]")
        ]
    return [] if shown == recorded else [f"{path}: {_short(shown)}, recorded {_short(recorded)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def check_fields(value: Any, kind: str, schema: Mapping[str, Any]) -> list[str]:
    """Where an object of this kind has fields that the kind has not, or of another type."""
    return sorted(set(_check(value, schema["kinds"][kind], schema["types"], "")))


def _check(value: Any, type_: str, types: Mapping[str, Mapping[str, str]], path: str) -> Iterable[str]:
    if value is None or type_ == "any":
        return
    if type_ in types:
        if not isinstance(value, dict):
            yield f"{path} is no object"
            return
        for key, part in value.items():
            below = f"{path}.{key}" if path else key
            if key not in types[type_]:
                yield f"{below} is no field of {type_}"
            else:
                yield from _check(part, types[type_][key], types, below)
    elif type_.startswith("["):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for part in value:
            yield from _check(part, type_[1:-1], types, f"{path}[]")
    elif type_.startswith("{"):
        if not isinstance(value, dict):
            yield f"{path} is no map"
            return
        for part in value.values():
            yield from _check(part, type_[1:-1], types, f"{path}{{}}")
    elif not isinstance(value, _PLAIN[type_]) or (type_ != "boolean" and isinstance(value, bool)):
        yield f"{path} is a {type(value).__name__}, not a {type_}"


_PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
