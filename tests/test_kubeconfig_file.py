from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
import yaml

from kubevitals import errors
from kubevitals.kube.auth import kubeconfig_file

if TYPE_CHECKING:
    import pathlib

SECRET = "s3cr3t-Value-0123456789"


def read(path: pathlib.Path, content: str | bytes) -> kubeconfig_file.Kubeconfig:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    config = kubeconfig_file.read_file(str(path))
    assert config is not None
    return config


def test_missing_file(tmp_path: pathlib.Path) -> None:
    """A file that is not there is None, not an error."""
    assert kubeconfig_file.read_file(str(tmp_path / "none")) is None


def test_folder(tmp_path: pathlib.Path) -> None:
    """A folder in place of a file is said to be one."""
    with pytest.raises(errors.ConfigurationError, match="is a folder, not a kubeconfig"):
        kubeconfig_file.read_file(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(tmp_path: pathlib.Path) -> None:
    """A file that may not be read is an error with the system's reason."""
    (tmp_path / "a").write_text("")
    (tmp_path / "a").chmod(0)
    with pytest.raises(errors.ConfigurationError, match="Permission denied"):
        kubeconfig_file.read_file(str(tmp_path / "a"))


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "/dev/null/x"])
def test_impossible_path(path: str) -> None:
    """A path that cannot be one is a configuration error, shortened."""
    with pytest.raises(errors.ConfigurationError) as caught:
        kubeconfig_file.read_file(path)
    assert len(caught.value.message) < 400


def test_pipe(tmp_path: pathlib.Path) -> None:
    """A pipe, as a shell's process substitution gives, is read like a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text("current-context: piped\n"))
    writer.start()
    config = kubeconfig_file.read_file(str(path))
    writer.join()
    assert config is not None
    assert config.current_context == "piped"


def test_endless_file() -> None:
    """A device without end is refused once it is clearly no kubeconfig."""
    with pytest.raises(errors.ConfigurationError, match="larger than 64 MiB"):
        kubeconfig_file.read_file("/dev/zero")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "is not text"),
        (b"a: b\x00\n", "null bytes"),
        (b"\x89PNG\r\n\x1a\n", "is not text"),
        ("- a\n- b\n", "its top is a list"),
        ("hello\n", "its top is a text"),
        ("7\n", "its top is a number"),
        ("[]", "its top is a list"),
        ("kind: Pod\napiVersion: v1\n", "its kind is Pod of v1"),
        ("kind: Config\napiVersion: v9\n", "its kind is Config of v9"),
        ("[" * 100_000, "nested too deeply"),
        ("- " * 50_000, "nested too deeply"),
        ('{"a":' * 50_000, "nested too deeply"),
        ("clusters: {a: b}\n", "clusters of kubeconfig in .* is not a list"),
        ("clusters:\n- a\n", "is not a list of mappings"),
        ("contexts: 7\n", "contexts of kubeconfig in .* is not a list"),
        ("users:\n- name: 7\n", "name of entry of users in .* is a number"),
        ("users:\n- name: a\n  user: b\n", 'user of user "a" in .* is a text, not a mapping'),
        ("users:\n- name: a\n- name: a\n", 'users of .* holds the name "a" twice'),
        ("current-context: 7\n", "current-context of kubeconfig in .* is a number"),
    ],
)
def test_no_kubeconfig(tmp_path: pathlib.Path, content: str | bytes, words: str) -> None:
    """What is no kubeconfig is named with its file and what it is instead."""
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        read(tmp_path / "conf", content)
    assert str(tmp_path / "conf") in caught.value.message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f"a: b\nusers:\n  token: {SECRET}\n  - x\n", "line 4, column 3"),
        (f"users:\n- user: {{token: {SECRET}\n", "line 3, column 1"),
        (f"a:\n\ttoken: {SECRET}\n", "line 2, column 1"),
        (f"token: *{SECRET}\n", "line 1, column 8"),
        (f"token: !{SECRET} x\n", "line 1, column 8"),
        (f'token: "{SECRET}\n', "line 2, column 1"),
        (f"token: {SECRET}\nb: \x07\n", "line 2"),
        (f'{{"token": "{SECRET}", ] }}', "line 1"),
    ],
)
@pytest.mark.parametrize("libyaml", [True, False])
def test_broken_yaml(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, content: str, place: str, *, libyaml: bool
) -> None:
    """Broken YAML is an error with its line, and quotes nothing of the file; so it is where PyYAML was built
    without libyaml.
    """
    if not libyaml:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    with pytest.raises(errors.ConfigurationError, match=place) as caught:
        read(tmp_path / "conf", content)
    told = [caught.value.message, str(caught.value.remedy), repr(caught.value.__cause__)]
    assert not any(SECRET in text for text in told)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "content",
    [
        "current-context: ü\n".encode(),
        "\ufeffcurrent-context: ü\n".encode(),
        "current-context: ü\r\n".encode("utf-16"),
        b'{"current-context": "\\u00fc"}',
        b'  {"current-context": "\\u00fc", }',
        b'--- # one\ncurrent-context: "\\xfc"\n---\ncurrent-context: second\n',
        b"current-context: x\ncurrent-context: \xc3\xbc\n",
    ],
)
def test_spellings(tmp_path: pathlib.Path, content: bytes) -> None:
    """Byte order marks, UTF-16, JSON, flow style, several documents, repeated keys: all as kubectl."""
    assert read(tmp_path / "a", content).current_context == "ü"


def test_dates_stay_text(tmp_path: pathlib.Path) -> None:
    """A context named like a date is no date."""
    assert read(tmp_path / "a", "current-context: 2024-01-01\n").current_context == "2024-01-01"


def test_repr_shows_no_secret() -> None:
    """An entry's repr names it and shows none of its fields."""
    entry = kubeconfig_file.Entry("user", "jane", body={"token": SECRET}, path="/x/config")
    assert repr(entry) == '<Entry user "jane" in /x/config>'


def make(**body: object) -> kubeconfig_file.Entry:
    return kubeconfig_file.Entry("user", "jane", body=body, path="/x/config")


@pytest.mark.parametrize("value", [7, True, ["a"], {"a": "b"}, 1.5])
def test_text_fields(value: object) -> None:
    """A field that is not text is refused with a hint to quote it, without its value."""
    with pytest.raises(errors.ConfigurationError, match=r'token of user "jane" in /x/config is ') as caught:
        make(token=value).text("token")
    assert "quotes" in str(caught.value.remedy)


@pytest.mark.parametrize("value", ["true", 1, "yes"])
def test_flags(value: object) -> None:
    """A flag is true or false and nothing like it."""
    with pytest.raises(errors.ConfigurationError, match="not true or false"):
        make(flag=value).flag("flag")
    assert make(flag=True).flag("flag")
    assert not make().flag("flag")


@pytest.mark.parametrize("value", ["LS0tLQ", "%%%%", "LS0tLQ==x", "ü", "a", SECRET])
def test_wrong_base64(value: str) -> None:
    """Wrong base64 names the field and not the value."""
    with pytest.raises(
        errors.ConfigurationError, match=r"client-key-data of .* is not valid base64"
    ) as caught:
        make(**{"client-key-data": value}).data("client-key-data")
    assert value not in caught.value.message or value == "a"


def test_base64() -> None:
    """Base64 may hold line ends, as YAML's block scalars give them."""
    assert make(d="LS0t\nLQ==\r\n").data("d") == b"----"
    assert make(d="").data("d") is None
    assert make().data("d") is None


def test_paths() -> None:
    """A relative path is made absolute from the folder of its file."""
    assert make(f="../k").file("f") == "/k"
    assert make(f="/a/b").file("f") == "/a/b"
    assert make().file("f") == ""
    with pytest.raises(errors.ConfigurationError, match="is no path"):
        make(f="a\0").file("f")
