"""What is typed behind `:`: a noun, and which of it: `:pods shop`, `:node gpu-1`, `:ns shop`."""

from __future__ import annotations

from kubevitals import errors, kinds
from kubevitals.surfaces.screen import places

_PAGES = {
    "overview": places.OVERVIEW, "pulses": places.OVERVIEW, "pulse": places.OVERVIEW,
    "problems": places.PROBLEMS, "problem": places.PROBLEMS, "doctor": places.DOCTOR, "help": places.HELP,
    "deploy": "workloads", "dp": "workloads", "deployments": "workloads",
    "sts": "workloads", "ds": "workloads",
}  # fmt: skip
QUIT = frozenset({"q", "q!", "quit", "exit"})


def find(words: str, here: places.Place) -> places.Place:
    """Return the place that the words name; the namespace stays unless they name one.

    Raises:
        errors.UsageError: they name none.
    """
    noun, _, rest = words.strip().partition(" ")
    rest = rest.strip()
    page = _PAGES.get(noun)
    if page is not None:
        namespace = rest or here.namespace
        return places.Place(page, namespace=None if rest in ("all", "-A") else namespace)
    kind = kinds.find(noun)
    if kind is None:
        import difflib

        close = difflib.get_close_matches(noun, [*kinds.KINDS, *_PAGES, "node", "ns"], n=1, cutoff=0.5)
        raise errors.UsageError(
            f"there is no page {noun[:40]!r}" + (f"; did you mean {close[0]}?" if close else ""),
            remedy=":overview :problems :doctor :nodes :pods :containers :namespaces :workloads :ns NAME :q",
        )
    name = kind.name
    if not rest:
        return places.Place(name, namespace=here.namespace)
    if kind is kinds.NAMESPACES:
        namespace = None if rest in ("all", "-A") else rest
        page = here.page if here.page in places.LISTS and here.page != "namespaces" else "pods"
        return places.Place(page, namespace=namespace)
    if kind is kinds.NODES:
        return places.Place("node", (rest,), here.namespace)
    if rest in ("all", "-A"):
        return places.Place(name)
    namespace, slash, pod = rest.partition("/")
    if slash and kind is kinds.PODS:
        return places.Place("pod", (namespace, pod), here.namespace)
    return places.Place(name, namespace=namespace)
