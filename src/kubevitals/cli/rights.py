"""What grants a right that is missing, as one line that an administrator can run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import resourceattributes

_FEATURES = ("top", "kubelet", "kubelet-detail", "prometheus", "doctor")  # in this order: the usual one first
_ROBOT = "system:serviceaccount:"


def advise(right: resourceattributes.ResourceAttributes) -> str | None:
    """Return the remedy: `kubevitals rbac` with what grants the right, and what the command needs beside it.

    None if no feature of the command line has that right.
    """
    from kubevitals import rbac

    place = (right.group, right.resource, "" if right.resource else right.path)
    for name in _FEATURES:
        if any(place == rule.place and right.verb in rule.verbs for rule in rbac.FEATURES[name].rules):
            break
    else:
        return None
    return f"{command(name, right.user, right.namespace)}   (by someone who may grant it)"


def command(features: str, user: str, namespace: str) -> str:
    """Return the line that grants features to a user or a service account, in one namespace or everywhere."""
    import shlex

    words = ["kubevitals", "rbac", "--features", features]
    if user.startswith(_ROBOT):
        words += ["--service-account", user.removeprefix(_ROBOT)]
    else:
        words += ["--user", user or "USER"]
    if namespace:
        words += ["-n", namespace]
    return f"{shlex.join(words)} | kubectl apply -f -"
