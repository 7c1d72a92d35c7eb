"""What a check says: diagnoses that are known ahead, and the findings and notes of one examination."""

from __future__ import annotations

from kubevitals import sanitize, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NamedTuple

    from kubevitals.doctor import context as contexts
    from kubevitals.kube import resourceattributes
else:
    from kubevitals.namedtuple import NamedTuple

OK, WARN, FAIL, SKIP, UNKNOWN, BLOCKED = "ok", "warn", "fail", "skip", "unknown", "blocked"
STATUSES = (OK, WARN, FAIL, SKIP, UNKNOWN, BLOCKED)
CERTAIN, LIKELY = "certain", "likely"
_EVIDENCE = 6
_EVIDENCE_LENGTH = 300


class Diagnosis(NamedTuple):
    """One thing that a check can find: what holds for all its findings, and the page of `doctor explain`.

    `check` are commands that read, `fix` lines of text; a line that begins with "! " is a command that
    changes the cluster. Both may name the place of a finding: {context}, {namespace}, {name}, {node}.
    """

    id: str
    layer: str
    title: str
    cause: str
    check: tuple[str, ...]
    fix: tuple[str, ...]
    avoid: str
    severity: str = severity.CRITICAL
    symptom: str = ""  # the words by which people look for it


class Finding(NamedTuple):
    """A diagnosis of this cluster: what it is about, the proof, and how sure it is.

    `symptom_of` are layers whose failure would explain it: where one of them has failed, the finding is no
    cause of its own, but damage that the lower one does.
    """

    diagnosis: Diagnosis
    title: str
    evidence: tuple[str, ...] = ()
    damage: str = ""
    scope: tuple[str, ...] = ()  # the objects that it is about, "shop/api"
    places: dict[str, str] = {}  # noqa: RUF012 never changed
    confidence: str = CERTAIN
    symptom_of: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()  # what fails because of it; filled by the examination
    since: str = ""  # RFC 3339: when it began, as far as anybody remembers

    @property
    def id(self) -> str:
        """The stable word of the diagnosis."""
        return self.diagnosis.id

    @property
    def layer(self) -> str:
        """The layer that is the cause."""
        return self.diagnosis.layer

    @property
    def severity(self) -> str:
        """How serious it is: critical, warning or info."""
        return self.diagnosis.severity


class Note(NamedTuple):
    """What a check says of a layer that it found no fault with: ok, skip or unknown, and a few words."""

    layer: str
    status: str
    text: str = ""


class Need(NamedTuple):
    """A right that a check takes. Without it, and unless `optional`, what it looks at is unknown."""

    right: resourceattributes.ResourceAttributes
    optional: bool = False


class Check(NamedTuple):
    """One check: what it is called, the layer it looks at, the rights it takes, and how it looks."""

    name: str
    layer: str
    look: Callable[[contexts.Context], Iterable[Finding | Note]]
    needs: tuple[Need, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()


def find(
    diagnosis: Diagnosis,
    *evidence: str,
    title: str = "",
    damage: str = "",
    scope: Iterable[str] = (),
    confidence: str = CERTAIN,
    symptom_of: tuple[str, ...] = (),
    about: Any = None,
    **places: str,
) -> Finding:
    """Return a finding. All foreign text in it is made harmless and cut here.

    `about` is the object that fills {namespace} and {name}.
    """
    if about is not None:
        places = {
            "namespace": text(about, "metadata", "namespace"),
            "name": text(about, "metadata", "name"),
        } | places
    cleaned = tuple(sanitize.excerpt(each, _EVIDENCE_LENGTH) for each in evidence if each)[:_EVIDENCE]
    return Finding(
        diagnosis,
        sanitize.shorten(title or diagnosis.title, 160),
        cleaned,
        sanitize.shorten(damage, 300),
        tuple(sanitize.shorten(each, 120) for each in scope),
        {key: sanitize.shorten(value, 253) for key, value in places.items()},
        confidence,
        symptom_of,
    )


def dig(value: Any, *path: str | int) -> Any:
    """Return what stands at a path in decoded JSON; None where any part of it is not there or is odd."""
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def text(value: Any, *path: str | int) -> str:
    """Return the text at a path, empty where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def objects(value: Any, *path: str | int) -> Iterator[dict[str, Any]]:
    """Yield the objects of the list at a path."""
    found = dig(value, *path) if path else value
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict):
            yield each


def labels(item: Any) -> dict[str, str]:
    """Return the labels of an object."""
    found = dig(item, "metadata", "labels")
    return (
        {key: value for key, value in found.items() if isinstance(value, str)}
        if isinstance(found, dict)
        else {}
    )


def place(item: Any) -> str:
    """Return "namespace/name" of an object, or its name."""
    namespace = text(item, "metadata", "namespace")
    name = text(item, "metadata", "name")
    return f"{namespace}/{name}" if namespace else name


def condition(item: Any, kind: str) -> dict[str, Any]:
    """Return a condition of an object's status by its type; empty where there is none."""
    for each in objects(item, "status", "conditions"):
        if each.get("type") == kind:
            return each
    return {}
