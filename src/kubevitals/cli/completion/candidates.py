"""What may stand at each place of a command line: the values of an option, the words of a command.

A candidate is (text, description).
"""

from __future__ import annotations

from kubevitals import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from kubevitals.cli.completion import clusternames

    Candidate = tuple[str, str]

# Options whose value is a file: the shell completes that better than we can.
FILES = frozenset(
    {
        "kubeconfig", "token_file", "certificate_authority", "client_certificate", "client_key", "cache_dir",
        "write_kubeconfig", "history",
    }
)  # fmt: skip
_ABOUT_KINDS = {
    "nodes": "usage against what nodes can give",
    "pods": "usage against what pods asked for",
    "containers": "the same, one row a container",
    "namespaces": "sums by namespace",
    "workloads": "sums by Deployment, CronJob, DaemonSet ...",
}
_MORE_KINDS = {"export": "all points in a file"}
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_SIMULATION = {
    "nodes=": "how many nodes",
    "pods=": "how many pods at the start",
    "seed=": "the same number gives the same cluster",
    "fault=": "start with this fault",
    "metrics-api=": "versions that are registered",
    "kubelets=": "serve each kubelet over HTTPS",
}


def for_option(
    action: argparse.Action, typed: str, names: clusternames.Names, *, words: Sequence[str]
) -> list[Candidate]:
    """Return the values that the option may have; `words` are the command's arguments so far."""
    if action.choices is not None:
        return [(str(choice), "") for choice in action.choices]
    if str(action.metavar).startswith("[=true"):
        return plain(("true", "false"))
    kind = _find_kind(words) or kinds.PODS
    if action.dest == "sort_by":
        return _in_list(typed, lambda part: _sort_keys(part, kind))
    if action.dest == "columns":
        return _in_list(typed, lambda _: _headings(kind))
    if action.dest == "filter":
        return _in_list(typed, lambda part: _filter_terms(part, kind, names), separator=" ")
    if action.dest == "selector":
        return _in_list(typed, lambda part: _labels(part, names, kind.selected_by))
    if action.dest == "field_selector":
        return _in_list(typed, lambda part: _fields(part, names))
    if action.dest == "simulation":
        return _in_list(typed, _simulation)
    if action.dest == "group_by":
        return _groups(typed, names)
    return _simple(action.dest, names)


def _headings(kind: kinds.Kind) -> list[Candidate]:
    from kubevitals.surfaces.view import columns

    return [(column.heading.lower(), column.key) for column in columns.BY_KIND[kind.name]]


def _simple(dest: str, names: clusternames.Names) -> list[Candidate]:
    sources: dict[str, Callable[[], Iterable[str]]] = {
        "namespace": names.namespaces,
        "node": names.nodes,
        "context": names.contexts,
        "cluster": names.clusters,
        "user": names.users,
    }
    if dest == "fault":
        from kubevitals.cli.commands import simulate

        return simulate.faults()
    return plain(sorted(sources[dest]())) if dest in sources else []


def for_word(command: str, typed: str, names: clusternames.Names, *, words: Sequence[str]) -> list[Candidate]:
    """Return what may stand at the next place that is no option's, after the arguments `words`."""
    del typed
    if command == "completion":
        return plain(("bash", "zsh", "fish")) if not words else []
    if command not in ("top", "history"):
        return []
    if not words:
        return [*_ABOUT_KINDS.items(), *(_MORE_KINDS if command == "history" else {}).items()]
    sources: dict[str, Callable[[], Iterable[str]]] = {
        "nodes": names.nodes,
        "namespaces": names.namespaces,
        "workloads": names.workloads,
    }
    kind = _find_kind(words)
    if kind is None:
        return []
    if kind in (kinds.PODS, kinds.CONTAINERS):
        if names.all_namespaces:  # a pod is found by its namespace and name
            return []
        return plain(sorted(set(names.pods()) - set(words[1:])))
    return plain(sorted(set(sources[kind.name]()) - set(words[1:])))


def plain(texts: Iterable[str]) -> list[Candidate]:
    """Return candidates that need no description."""
    return [(text, "") for text in texts]


def _find_kind(words: Sequence[str]) -> kinds.Kind | None:
    return kinds.find(words[0]) if words else None


def _in_list(
    typed: str, complete: Callable[[str], list[Candidate]], *, separator: str = ","
) -> list[Candidate]:
    """Return candidates for the last part of a list, with the parts before it in front."""
    before, mark, part = typed.rpartition(separator)
    head = before + mark
    done = set(before.split(separator))
    return [(head + text, about) for text, about in complete(part) if text not in done]


def _sort_keys(part: str, kind: kinds.Kind) -> list[Candidate]:
    from kubevitals.cli.commands import top

    fields = set(kind.sortable)
    keys = fields | {alias for alias, key in top.SORT_ALIASES.items() if key in fields}
    key = part.partition(":")[0]
    if key in keys:
        turned = [(f"{key}:asc", "from the smallest"), (f"{key}:desc", "from the largest")]
        longer = [each for each in sorted(keys) if each.startswith(key)] if ":" not in part else []
        return [*plain(longer), *turned]
    return plain(sorted(keys))


def _filter_terms(part: str, kind: kinds.Kind, names: clusternames.Names) -> list[Candidate]:
    """Return the fields of a filter with their signs, or behind `FIELD:` the values that it may have."""
    from kubevitals.selection import fields

    sign = "!" if part.startswith("!") else ""
    word, colon, _ = part.removeprefix("!").partition(":")
    labels = names.labels(kind.selected_by) if word.startswith(fields.LABEL_PREFIX) else {}
    if not colon:
        known = [field for field in fields.list_fields(kind.name) if field.form != fields.LABEL]
        found = [
            (f"{field.name}{':' if field.form in fields.MATCHED else '>'}", field.about) for field in known
        ]
        found.append((fields.LABEL_PREFIX, "a label"))
        return [(sign + text, about) for text, about in found] + plain(
            f"{sign}{fields.LABEL_PREFIX}{key}:" for key in sorted(labels)
        )
    named = fields.find(word)
    if named is None:
        return []
    field, key = named
    sources: dict[str, Callable[[], Iterable[str]]] = {
        "ns": names.namespaces,
        "node": names.nodes,
        "phase": lambda: _PHASES,
        "label.KEY": lambda: sorted(labels.get(key, ())),
    }
    values = ["true", "false"] if field.form == fields.TRUTH else sources.get(field.name, list)()
    return plain(f"{sign}{word}:{value}" for value in [*values, "none"])


def _labels(part: str, names: clusternames.Names, resource: str) -> list[Candidate]:
    labels = names.labels(resource)
    key, equals, _ = part.rpartition("=")
    if not equals:
        return [(f"{name}=", f"{len(values)} values") for name, values in sorted(labels.items())]
    bare = key.rstrip("=!")
    return plain(f"{key}={value}" for value in sorted(labels.get(bare, ())))


def _fields(part: str, names: clusternames.Names) -> list[Candidate]:
    key, equals, _ = part.rpartition("=")
    bare = key.rstrip("=!")
    if not equals:
        return plain(("metadata.name=", "metadata.namespace=", "spec.nodeName=", "status.phase="))
    values: dict[str, Callable[[], Iterable[str]]] = {
        "metadata.name": names.pods,
        "metadata.namespace": names.namespaces,
        "spec.nodeName": names.nodes,
        "status.phase": lambda: _PHASES,
    }
    return plain(f"{key}={value}" for value in values[bare]()) if bare in values else []


def _groups(typed: str, names: clusternames.Names) -> list[Candidate]:
    from kubevitals.cli.commands import top

    if typed.startswith("label="):
        return plain(f"label={key}" for key in sorted(names.labels("pods")))
    return [("label=", "by a label"), *plain(top.GROUP_FIELDS)]


def _simulation(part: str) -> list[Candidate]:
    key, equals, _ = part.partition("=")
    if not equals:
        return list(_SIMULATION.items())
    if key == "fault":
        from kubevitals.cli.commands import simulate

        return [(f"fault={name}", about) for name, about in simulate.faults()]
    if key == "kubelets":
        return plain("kubelets=true")
    if key == "metrics-api":
        return plain(f"metrics-api={version}" for version in ("v1", "v1beta1", "both"))
    return []
