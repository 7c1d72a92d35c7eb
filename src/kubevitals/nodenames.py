"""Which node is meant by a name, by one of its addresses, by its host name or by its machine's id. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubevitals import model

_HOSTNAME = "kubernetes.io/hostname"


def aliases_of(node: model.Node) -> tuple[str, ...]:
    """Return by what else than its name a node may be called."""
    machine = node.provider_id or ""
    told = (*node.addresses, node.ip, node.labels.get(_HOSTNAME), machine, machine.rpartition("/")[2])
    return tuple([each for each in told if each])


def host_of(instance: str) -> str:
    """Return the host of HOST:PORT, as the label `instance` has it, an IPv6 address without brackets."""
    if instance.startswith("["):
        return instance[1:].partition("]")[0]
    host, colon, port = instance.rpartition(":")
    return host if colon and port.isdecimal() and ":" not in host else instance


def is_address(name: str) -> bool:
    """Return whether it is written as an IP address, which no node is called."""
    parts = name.split(".")
    return ":" in name or (len(parts) == 4 and all(part.isdecimal() for part in parts))


class NodeNames:
    """Nodes by their names and by their aliases, whatever the case of the letters.

    `nodes` has the aliases of each name. What several nodes are called names none of them.
    """

    def __init__(self, nodes: Mapping[str, Iterable[str]]) -> None:
        self._names = {_plain(name): name for name in nodes}
        self._aliases: dict[str, str | None] = {}
        for name, aliases in nodes.items():
            for alias in aliases:
                key = _plain(alias)
                self._aliases[key] = name if self._aliases.get(key, name) == name else None

    @classmethod
    def of(cls, nodes: Iterable[model.Node]) -> NodeNames:
        """Return those of the inventory."""
        return cls({node.name: aliases_of(node) for node in nodes})

    def find(self, names: Iterable[str]) -> str | None:
        """Return the node that the first telling one of the names means; None if none tells."""
        for each in names:
            key = _plain(each)
            found = self._names.get(key) or self._aliases.get(key)
            if found is not None:
                return found
        return None


def _plain(name: str) -> str:
    """Return the one way to write a host: small letters, and IPv6 addresses in their shortest form."""
    name = name.lower().rstrip(".")
    if name.count(":") > 1:
        import ipaddress

        try:
            return str(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            return name
    return name
