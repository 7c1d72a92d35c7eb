"""New tokens in a kubeconfig: what changes, what stays, and when nothing is asked for."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import servers
from tests.test_credentials_oidc import NOW, Clock, Opener, open_it, provider, token

from kubevitals import errors
from kubevitals.kube.auth import kubeconfig_edit

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from kubevitals.kube.http import authentication

__all__ = ["open_it"]
FRESH = token(NOW + 3600, "fresh")
ANSWER = servers.answer(200, {"id_token": FRESH, "refresh_token": "next"})
PLAIN = """\
# written by hand
apiVersion: v1
users:
- name: joe
  user: {token: x}   # not this one
- name: jane
  user:
    auth-provider:
      name: oidc
      config:
        client-id: me
        id-token: a.b.c # expires soon
        refresh-token: old
        idp-issuer-url: https://idp.test
contexts: []
"""


def edit(path: pathlib.Path, text: str, **tokens: str) -> str:
    path.write_text(text)
    with kubeconfig_edit.TokenEdit(str(path), "jane") as made:
        made.write({name.replace("_", "-"): value for name, value in tokens.items()})
    return path.read_text()


def _files(folder: pathlib.Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def test_two_texts_change_and_nothing_else(tmp_path: pathlib.Path) -> None:
    """Comments, order and other users stay; the new tokens stand where the old ones stood."""
    found = edit(tmp_path / "config", PLAIN, id_token="d.e.f", refresh_token='n"ew')
    assert found == PLAIN.replace("a.b.c", '"d.e.f"').replace("token: old", 'token: "n\\"ew"')
    assert _files(tmp_path) == ["config"]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("        id-token: a.b.c # expires soon\n", ""),
        PLAIN.replace("a.b.c # expires soon", ">-\n          a.b.c"),
        PLAIN.replace("a.b.c # expires soon", "|\n          a.b.c\n"),
        PLAIN.replace("a.b.c", "'a.b.c'"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("by hand", "für Jané ✓"),
        json.dumps(yaml.safe_load(PLAIN)),
        json.dumps(yaml.safe_load(PLAIN), indent=2),
        "--- # first\n" + PLAIN + "---\nusers: []\n",
    ],
    ids=["without", "folded", "literal", "quoted", "windows", "letters", "json", "indented", "documents"],
)
def test_each_way_of_writing(tmp_path: pathlib.Path, text: str) -> None:
    """However the file is written, it holds the new tokens afterwards and all else as before."""
    wanted = next(iter(yaml.safe_load_all(text)))
    wanted["users"][1]["user"]["auth-provider"]["config"].update(
        {"id-token": "d.e.f", "refresh-token": "new"}
    )
    (tmp_path / "config").write_bytes(b"")
    found = edit(tmp_path / "config", text, id_token="d.e.f", refresh_token="new")
    assert next(iter(yaml.safe_load_all(found))) == wanted


_STYLES = st.sampled_from([None, '"', "'", "|"])
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


@given(
    st.dictionaries(_NAMES, _NAMES, max_size=4), _NAMES, st.booleans(), st.sampled_from([None, '"', "'", "|"])
)
def test_any_document_keeps_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, extra: dict[str, str], value: str, flow: bool, style: str | None
) -> None:
    """Of whatever PyYAML writes only the two tokens change, or the file is refused and stays."""
    config = {**extra, "id-token": value, "refresh-token": "old"}
    document = {"users": [{"name": "jane", "user": {"auth-provider": {"name": "oidc", "config": config}}}]}
    text = yaml.safe_dump(document, default_flow_style=flow, default_style=style, allow_unicode=True)
    path = tmp_path_factory.getbasetemp() / "any"
    config.update({"id-token": "d.e.f", "refresh-token": "new"})
    found = edit(path, text, id_token="d.e.f", refresh_token="new")
    assert yaml.safe_load(found) == document


def test_encoding_permissions_and_links_stay(tmp_path: pathlib.Path) -> None:
    """A file in UTF-16 stays one, its permissions stay, and a link goes on leading to it."""
    path, link = tmp_path / "real", tmp_path / "config"
    path.write_text(PLAIN, encoding="utf-16")
    path.chmod(0o640)
    link.symlink_to(path)
    with kubeconfig_edit.TokenEdit(str(link), "jane") as made:
        made.write({"refresh-token": "new"})
    assert link.is_symlink()
    assert "new" in path.read_text("utf-16")
    assert path.stat().st_mode & 0o777 == 0o640


def test_another_owner_stays_the_owner(tmp_path: pathlib.Path) -> None:
    """Under sudo, too, the file belongs to the user whose kubectl has to read it."""
    if os.geteuid():
        pytest.skip("only root can give a file away")
    path = tmp_path / "config"
    path.write_text(PLAIN)
    os.chown(path, 1234, 4321)
    with kubeconfig_edit.TokenEdit(str(path), "jane") as made:
        made.write({"refresh-token": "new"})
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_file_that_cannot_be_replaced_is_written(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can take the file's place, as of a mounted file, its content is written anew."""

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    found = edit(tmp_path / "config", PLAIN, refresh_token="n")
    assert found == PLAIN.replace("token: old", 'token: "n"')
    assert _files(tmp_path) == ["config"]


_SHARED = PLAIN[: PLAIN.index("  user:\n")].replace(
    "{token: x}   # not this one", "&u {auth-provider: {config: {a: b}}}"
)


def test_users_that_share_an_entry_share_the_tokens(tmp_path: pathlib.Path) -> None:
    """An entry that an anchor gives to two users is changed for both, as they have one refresh-token."""
    found = yaml.safe_load(edit(tmp_path / "config", _SHARED + "  user: *u\n", refresh_token="n"))
    assert [each["user"]["auth-provider"]["config"]["refresh-token"] for each in found["users"]] == ["n", "n"]


def test_what_is_not_found_again_is_refused(tmp_path: pathlib.Path) -> None:
    """Where the text does not show whose the entry is, it is refused and the file stays as it is."""
    text = _SHARED + "  user: {<<: *u}\n"
    with pytest.raises(errors.CredentialsError, match="its way of writing YAML"):
        edit(tmp_path / "config", text, refresh_token="n")
    assert (tmp_path / "config").read_text() == text
    assert _files(tmp_path) == ["config"]


# --- as part of a refresh


def test_rotated_tokens_are_in_the_file(open_it: Opener) -> None:
    """What the provider gave is in the kubeconfig: the next program asks nobody."""
    with provider(ANSWER) as server:
        open_it(server.url, id_token=token(NOW - 1), refresh_token="old").fetch()
        assert open_it.tokens() == (FRESH, "next")
        assert open_it.again().fetch().authorization == f"Bearer {FRESH}"
        assert len(server.requests) == 2


def test_tokens_of_kubectl_are_taken(open_it: Opener) -> None:
    """A token that another program wrote meanwhile is used, and no refresh-token spent."""
    with provider() as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        open_it(server.url, id_token=FRESH, refresh_token="next")
        assert made.fetch().authorization == f"Bearer {FRESH}"
        assert server.requests == []


def test_the_refresh_token_of_the_file_is_spent(open_it: Opener) -> None:
    """The refresh-token is the one that the file holds now, not the one of the start."""
    with provider(ANSWER) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        open_it(server.url, id_token=token(NOW - 2), refresh_token="newer")
        made.fetch()
        assert b"refresh_token=newer&" in server.requests[-1].body


def test_after_a_401_the_same_token_is_not_taken_again(open_it: Opener) -> None:
    """A token that the API server refused is refreshed although it is valid by its time, and in the file."""
    with provider(ANSWER) as server:
        made = open_it(server.url, id_token=token(NOW + 60), refresh_token="old")
        made.fetch()
        assert made.renew()
        assert made.fetch().authorization == f"Bearer {FRESH}"


def test_several_programs_spend_one_refresh_token(open_it: Opener) -> None:
    """Of programs that start at the same time one refreshes, and the others take its token."""
    with provider(ANSWER) as server:
        open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        made = [open_it.again() for _ in range(5)]
        found: list[str | None] = []
        threads = [
            threading.Thread(target=lambda one=one: found.append(one.fetch().authorization)) for one in made
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == [f"Bearer {FRESH}"] * 5
        assert [each.method for each in server.requests] == ["GET", "POST"]


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file of this process may be longer than a kilobyte: as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _refused(made: authentication.Credentials, server: servers.Server, words: str) -> None:
    with pytest.raises(errors.CredentialsError, match=words) as caught:
        made.fetch()
    assert caught.value.remedy
    assert server.requests == []


@pytest.mark.usefixtures("no_room")
def test_no_room_no_refresh(open_it: Opener) -> None:
    """Where the new tokens have no room on the disk none are asked for."""
    with provider(ANSWER) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        _refused(made, server, "cannot take a new token: File too large")
    assert open_it.tokens() == (token(NOW - 1), "old")
    assert _files(open_it.path.parent) == ["config"]


def test_a_locked_file_is_left_alone(open_it: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """While kubectl holds its lock nobody is asked; the message names the lock."""
    monkeypatch.setattr(kubeconfig_edit, "_PAUSE", 0.001)
    monkeypatch.setattr(kubeconfig_edit.TokenEdit.__init__, "__kwdefaults__", {"patience": 0.01})
    lock = open_it.path.with_name("config.lock")
    lock.touch()
    with provider(ANSWER) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        _refused(made, server, r"holds the lock .*config\.lock")
    assert lock.exists()
    lock.unlink()


@pytest.mark.parametrize("gone", ["file", "user"])
def test_a_user_that_is_gone(open_it: Opener, gone: str) -> None:
    """A kubeconfig without the user any more takes no token, so none is asked for."""
    with provider(ANSWER) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        if gone == "file":
            open_it.path.unlink()
        else:
            open_it.path.write_text("users: []\n")
        _refused(made, server, "No such file" if gone == "file" else 'no user "jane" any more')


def test_a_refused_refresh_changes_nothing(open_it: Opener) -> None:
    """When the provider refuses, the file is what it was, and unlocked."""
    with provider(servers.answer(400, {"error": "invalid_grant"})) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old")
        before = open_it.path.read_bytes()
        with pytest.raises(errors.CredentialsError, match="invalid_grant"):
            made.fetch()
    assert open_it.path.read_bytes() == before
    assert _files(open_it.path.parent) == ["config"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_nothing_half_done(open_it: Opener, number: signal.Signals, code: int) -> None:
    """What interrupts a refresh ends the command once the new tokens are in the file."""
    asked, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        asked.set()
        go_on.wait(30)

    with provider([hold, ANSWER]) as server:
        open_it(server.url, id_token=token(time.time() - 1), refresh_token="old")
        config = yaml.safe_load(open_it.path.read_text())
        config["clusters"] = [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}]
        config["contexts"] = [{"name": "c", "context": {"cluster": "c", "user": "jane"}}]
        config["current-context"] = "c"
        open_it.path.write_text(yaml.safe_dump(config))
        process = subprocess.Popen(
            [sys.executable, "-m", "kubevitals", "top", "nodes"],
            env={"PATH": os.defpath, "KUBECONFIG": str(open_it.path)},
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        assert asked.wait(30)
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.readline() == b"\n"
        go_on.set()
        assert process.wait(30) == code
        process.stderr.close()
    assert open_it.tokens() == (FRESH, "next")


def test_an_answer_without_id_token_keeps_the_rotated_one(open_it: Opener) -> None:
    """A refresh-token that came without an id-token is kept all the same: the old one may be spent."""
    with provider(servers.answer(200, {"refresh_token": "next"})) as server:
        made = open_it(server.url, id_token=token(NOW - 1), refresh_token="old", clock=Clock())
        with pytest.raises(errors.CredentialsError, match="without an id_token"):
            made.fetch()
    assert open_it.tokens()[1] == "next"
