"""Label and field selectors, parsed and matched as the API server does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_NAME = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|>|<|[^\s=!(),<>]+)")


class SelectorError(ValueError):
    """The text is no selector; its message is the API server's."""


class Requirement(NamedTuple):
    """One condition. `operator` is in, notin, exists, absent, gt or lt; for equality, `in` with one value."""

    key: str
    operator: str
    values: Collection[str] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet the condition. A missing label is in no set, so that it meets every
        `notin`.
        """
        value = labels.get(self.key)
        if self.operator == "in":
            return value is not None and value in self.values
        if self.operator == "notin":
            return value is None or value not in self.values
        if self.operator == "exists":
            return value is not None
        if self.operator == "absent":
            return value is None
        if value is None or not value.lstrip("-").isdigit():
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator == "gt" else int(value) < bound


class Selector(NamedTuple):
    """All of some requirements; without any it matches everything."""

    requirements: Sequence[Requirement] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)


EVERYTHING = Selector()


def parse_labels(text: str) -> Selector:
    """The label selector in `text`, such as `app=web,tier in (a, b),!canary`; SelectorError if it is none."""
    if not text.strip():
        return EVERYTHING
    tokens = _tokens(text)
    requirements = []
    while True:
        requirements.append(_requirement(tokens))
        found = tokens.pop(0)
        if found == "":
            return Selector(requirements)
        if found != ",":
            raise SelectorError(f"found '{found}', expected: ',' or 'end of string'")
        if tokens[0] == "":
            raise SelectorError("found '', expected: identifier after ','")


def _tokens(text: str) -> list[str]:
    tokens = []
    position = 0
    while match := _TOKEN.match(text, position):
        tokens.append(match[1])
        position = match.end()
    tokens.append("")
    return tokens


def _requirement(tokens: list[str]) -> Requirement:
    negated = tokens[0] == "!"
    if negated:
        tokens.pop(0)
    key = tokens.pop(0)
    if key == "" or key in "=!(),<>" or key in {"==", "!="}:
        raise SelectorError(f"found '{key}', expected: !, identifier, or 'end of string'")
    _check_key(key)
    follows = tokens[0]
    if negated:
        return Requirement(key, "absent")
    if follows in {"", ","}:
        return Requirement(key, "exists")
    tokens.pop(0)
    if follows in {"=", "==", "!="}:
        return Requirement(key, "notin" if follows == "!=" else "in", (_exact_value(key, tokens),))
    if follows in {"in", "notin"}:
        return Requirement(key, follows, _value_set(key, tokens))
    if follows in {">", "<"}:
        bound = _exact_value(key, tokens)
        if not bound.lstrip("-").isdigit():
            raise SelectorError(
                f'values[0][{key}]: Invalid value: "{bound}": '
                "for 'Gt', 'Lt' operators, the value must be an integer"
            )
        return Requirement(key, "gt" if follows == ">" else "lt", (bound,))
    raise SelectorError(
        f"unable to parse requirement: found '{follows}', expected: in, notin, =, ==, !=, gt, lt"
    )


def _exact_value(key: str, tokens: list[str]) -> str:
    if tokens[0] in {"", ","}:
        return ""
    value = tokens.pop(0)
    if value in {"=", "==", "!=", "!", "(", ")", ">", "<"}:
        raise SelectorError(f"unable to parse requirement: found '{value}', expected: identifier")
    _check_value(key, value)
    return value


def _value_set(key: str, tokens: list[str]) -> list[str]:
    found = tokens.pop(0)
    if found != "(":
        raise SelectorError(f"unable to parse requirement: found '{found}', expected: '('")
    values = []
    while True:
        value = tokens.pop(0)
        if value in {",", ")"}:
            values.append("")
            after = value
        elif value == "" or value in "=!(<>" or value in {"==", "!="}:
            raise SelectorError(
                f"unable to parse requirement: found '{value}', expected: ',', ')' or identifier"
            )
        else:
            _check_value(key, value)
            values.append(value)
            after = tokens.pop(0)
        if after == ")":
            return values
        if after != ",":
            raise SelectorError(f"unable to parse requirement: found '{after}', expected: ',' or ')'")


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    good = len(name) <= 63 and _NAME.fullmatch(name) is not None
    if slash and not (prefix and len(prefix) <= 253 and _PREFIX.fullmatch(prefix)):
        good = False
    if not good:
        raise SelectorError(
            f'unable to parse requirement: <nil>: Invalid value: "{key}": name part must consist of '
            "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        )


def _check_value(key: str, value: str) -> None:
    if len(value) > 63 or _VALUE.fullmatch(value) is None:
        raise SelectorError(
            f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": a valid label must '
            "be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
            "end with an "
            "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
            "is "
            "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        )


class FieldTerm(NamedTuple):
    """One field with the value that it must, or must not, have."""

    key: str
    value: str
    equal: bool


class FieldSelector(NamedTuple):
    """All of some field terms; a field that an object lacks counts as the empty string."""

    terms: Sequence[FieldTerm] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether `fields` meet every term."""
        return all((fields.get(term.key, "") == term.value) is term.equal for term in self.terms)

    def exact(self, key: str) -> str | None:
        """The one value that `key` is asked to have, if there is such a term."""
        return next((term.value for term in self.terms if term.key == key and term.equal), None)


ANYTHING = FieldSelector()

_FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "pods": (
        (
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
            "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
        ),
        "field label not supported: {0}",
    ),
    "nodes": (("spec.unschedulable",), "field label not supported: {0}"),
    "namespaces": (("status.phase",), "field label not supported: {0}"),
    "services": (("spec.clusterIP", "spec.type"), "field label not supported: {0}"),
    "events": (
        (
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
            "reason", "reportingComponent", "source", "type",
        ),
        "field label not supported: {0}",
    ),
    "replicasets.apps": (("status.replicas",), 'field label "{0}" not supported for ReplicaSet'),
    "jobs.batch": (("status.successful",), 'field label "{0}" not supported for Job'),
}  # fmt: skip
_OTHERS = '"{0}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def parse_fields(text: str, kind: str) -> FieldSelector:
    """The field selector in `text` for resources of `kind`, such as `pods` or `jobs.batch`."""
    if not text:
        return ANYTHING
    known, complaint = _FIELDS.get(kind, ((), _OTHERS))
    terms = []
    for piece in _split_terms(text):
        if not piece:
            continue
        match = re.match(r"((?:[^\\=!]|\\.)*?)(==|!=|=)((?:[^\\=]|\\.)*)$", piece, re.DOTALL)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{piece}'")
        key, operator, value = match[1], match[2], re.sub(r"\\(.)", r"\1", match[3])
        if key not in {"metadata.name", "metadata.namespace"} and key not in known:
            raise SelectorError(complaint.format(key))
        terms.append(FieldTerm(key, value, equal=operator != "!="))
    return FieldSelector(terms)


def _split_terms(text: str) -> list[str]:
    return re.findall(r"(?:[^\\,]|\\.)+", text)
