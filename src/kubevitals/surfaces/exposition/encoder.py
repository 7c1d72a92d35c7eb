"""The encoder of nodes, pods and containers: the lines of one family for many rows at once, as bytes.

Written for speed: msgspec turns all numbers of a family into text in one call, and one join makes the lines.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import msgspec

from kubevitals import model
from kubevitals.surfaces.exposition import families, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from kubevitals.surfaces.exposition import options

    Record = tuple[Any, ...]
    Labels = Sequence[bytes]  # of each record, without braces

FIELDS = {"node": model.Node._fields, "pod": model.Pod._fields, "container": model.Container._fields}

_encode = msgspec.json.Encoder().encode
_FLAGS = {True: 1, False: 0, None: None}
_STATES = {"True": 1, "False": 0}
_UNKNOWN = b"} null"
_name_of = operator.attrgetter("name")


def write(row: families.RowFamily, index: int, records: Sequence[Record], labels: Labels) -> bytes:
    """Return the lines of one family: field `index` of each record, unless its value is unknown."""
    if not records:
        return b""
    return _join(row.family.name, *_WRITERS[row.form](row, [record[index] for record in records], labels))


def write_conditions(nodes: Iterable[model.Node], labels: Labels) -> bytes:
    """Return the lines of the nodes' conditions; each type once for a node."""
    found = {
        label + text.encode(f',condition="{text.escape(each.type)}"'): b"} %d" % _STATES[each.status]
        for node, label in zip(nodes, labels, strict=True)
        for each in node.conditions
        if each.status in _STATES
    }
    return _join(families.CONDITION.name, list(found), list(found.values()))


def held(records: Sequence[Record], labels: Labels, of: str) -> tuple[Sequence[Record], Labels]:
    """Return those pods or containers that have not ended, and their labels."""
    phase = FIELDS[of].index("phase")
    chosen = [at for at, record in enumerate(records) if record[phase] not in model.ENDED_PHASES]
    if len(chosen) == len(records):
        return records, labels
    return [records[at] for at in chosen], [labels[at] for at in chosen]


def label_nodes(cluster: str, nodes: Iterable[model.Node]) -> list[bytes]:
    """Return the labels of each node."""
    start = f'cluster="{text.escape(cluster)}",node="'
    return [text.encode(f'{start}{text.escape(node.name)}"') for node in nodes]


def label_pods(
    cluster: str, pods: Iterable[model.Pod], wanted: options.Options
) -> tuple[list[bytes], list[bytes]]:
    """Return the labels of each pod, and those of each container."""
    escape, encode = text.escape, text.encode
    more = _further_labels(wanted)
    before = f'cluster="{escape(cluster)}",namespace="'
    of_pods, of_containers = [], []
    for pod in pods:
        start = f'{before}{escape(pod.namespace)}",pod="{escape(pod.name)}"'
        end = f',node="{escape(pod.node)}"' if pod.node else ',node=""'
        if more is not None:
            end += more(pod)
        of_pods.append(encode(start + end))
        of_containers += [
            encode(f'{start},container="{escape(container.name)}"{end}') for container in pod.containers
        ]
    return of_pods, of_containers


def distinct(pods: Sequence[model.Pod]) -> Sequence[model.Pod]:
    """Return the pods, each name of a pod and of its containers once: no series may appear twice."""
    if len(set(map(operator.itemgetter(0, 1), pods))) < len(pods):
        pods = list({(pod.namespace, pod.name): pod for pod in pods}.values())
    doubled = [at for at, pod in enumerate(pods) if len(pod.containers) > 1 and _repeats(pod.containers)]
    if not doubled:
        return pods
    pods = list(pods)
    for at in doubled:
        by_name = {container.name: container for container in pods[at].containers}
        pods[at] = pods[at]._replace(containers=tuple(by_name.values()))
    return pods


def _repeats(containers: Sequence[model.Container]) -> bool:
    return len(set(map(_name_of, containers))) < len(containers)


def _further_labels(wanted: options.Options) -> Callable[[model.Pod], str] | None:
    """Return what writes the further labels of a pod; None if none are wanted."""
    names = [(text.label_name(key), key) for key in wanted.pod_labels]
    if not (names or wanted.workload or wanted.ip or wanted.uid):
        return None

    def write(pod: model.Pod) -> str:
        pairs: dict[str, str | None] = {}
        if wanted.workload:
            pairs["workload_kind"], pairs["workload"] = pod.workload_kind, pod.workload_name
        if wanted.ip:
            pairs["ip"] = pod.ip
        if wanted.uid:
            pairs["uid"] = pod.uid
        for name, key in names:
            pairs[name] = pod.labels.get(key)
        return f",{text.labels(pairs)}"

    return write


def _join(name: str, labels: Labels, ends: Sequence[bytes]) -> bytes:
    """Return the lines, `ends` being what follows the labels."""
    if not labels:
        return b""
    start = name.encode() + b"{"
    return b"".join((start, (b"\n" + start).join(map(operator.add, labels, ends)), b"\n"))


def _write_numbers(_: families.RowFamily, values: list[Any], labels: Labels) -> tuple[Labels, list[bytes]]:
    written = _encode(values)
    ends = (b"} " + written[1:-1].replace(b",", b",} ")).split(b",")
    if b"null" not in written:
        return labels, ends
    known = [pair for pair in zip(labels, ends, strict=True) if pair[1] != _UNKNOWN]
    return [label for label, _ in known], [end for _, end in known]


def _write_flags(row: families.RowFamily, values: list[Any], labels: Labels) -> tuple[Labels, list[bytes]]:
    return _write_numbers(row, [_FLAGS[value] for value in values], labels)


def _write_moments(row: families.RowFamily, values: list[Any], labels: Labels) -> tuple[Labels, list[bytes]]:
    moments = [None if value is None else value.timestamp() for value in values]
    return _write_numbers(row, moments, labels)


def _write_words(row: families.RowFamily, values: list[Any], labels: Labels) -> tuple[Labels, list[bytes]]:
    start, escape = f',{row.word_label}="', text.escape
    ends = {word: text.encode(f'{start}{escape(word)}"}} 1') for word in set(values) if word}
    if len(ends) < len(values) and not all(values):
        labels = [label for label, word in zip(labels, values, strict=True) if word]
        values = [word for word in values if word]
    return labels, [ends[word] for word in values]


_WRITERS: Mapping[str, Callable[[families.RowFamily, list[Any], Labels], tuple[Labels, list[bytes]]]] = {
    "number": _write_numbers,
    "flag": _write_flags,
    "moment": _write_moments,
    "word": _write_words,
}
