"""Targets: files that people and other programs wrote, or that were damaged."""

from __future__ import annotations

import pathlib
import tempfile
from typing import TYPE_CHECKING, Any

from tests.fuzz import runner

from kubevitals import errors
from kubevitals.kube.auth import kubeconfig_file, plainyaml
from kubevitals.surfaces.web import tokenfile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
_YAML_WORDS = (
    b"- ",
    b": ",
    b"|\n",
    b">-\n",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object:os.system",
    b"? ",
    b"# ",
    b"---\n",
)


def _read_kubeconfig(data: bytes) -> None:
    text, _ = kubeconfig_file.decode(data, "config")
    config = kubeconfig_file.parse_kubeconfig(text, path="config")
    config.merge(kubeconfig_file.parse_kubeconfig(text, path="other"))


def _kubeconfigs() -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted((_FIXTURES / "kubeconfig").rglob("*")) if path.is_file()]


def _in_file(read: Callable[[str], Any]) -> Callable[[bytes], None]:
    """Write the input to a file and read that."""

    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "file")
            path.write_bytes(data)
            read(str(path))

    return run


TARGETS = (
    runner.Target("kubeconfigs", _kubeconfigs, _read_kubeconfig, (errors.ConfigurationError,), _YAML_WORDS),
    runner.Target(
        "plain-yaml",
        _kubeconfigs,
        lambda data: plainyaml.parse_plain(data.decode("latin-1")),
        words=_YAML_WORDS,
    ),
    runner.Target(
        "token-files",
        lambda: [b"# tokens\ngrafana " + b"a" * 32 + b"\n" + b"b1" * 16 + b"\n"],
        _in_file(tokenfile.read_tokens),
        (errors.ConfigurationError,),
    ),
)
