"""With --security: whether the account that asks may do more than reading metrics takes."""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers
from kubevitals.kube import resourceattributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_WIDE = diagnosis.Diagnosis(
    "own_rights_wide", layers.SECURITY,
    "security: this account may do more than reading metrics takes",
    "It is an administrator's, or has roles of other things. Nothing of it is used here; what steals its token has it all the same.",
    ("kubectl auth can-i --list",),
    ("For a service or a script use an account of its own: kubevitals rbac --features doctor --name kubevitals-doctor > rights.yaml",),
    "taking rights from an account that people work with",
    severity.INFO,
)  # fmt: skip
_BEYOND = (
    ("get", "secrets"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("get", "nodes/proxy"),
    ("delete", "pods"),
)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask for rights that nothing here uses."""
    rights = [resourceattributes.ResourceAttributes(verb, resource) for verb, resource in _BEYOND]
    held = [str(right) for right in rights if context.may(right._replace(namespace=context.namespace))]
    if held:
        yield diagnosis.find(
            _WIDE, f"it may {', '.join(held)}", title=f"{_WIDE.title}: {', '.join(held[:3])}"
        )
    else:
        yield diagnosis.Note(layers.SECURITY, diagnosis.OK, "this account may read alone")


CHECK = diagnosis.Check("own_rights", layers.SECURITY, look, (), (_WIDE,))
