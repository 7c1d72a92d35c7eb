"""How history and remote-write are told to be doing: in the status, on the page, in metrics, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client import parser
from tests import web_service

from kubevitals import model
from kubevitals.history import store
from kubevitals.surfaces.remotewrite import writer
from kubevitals.surfaces.view import recorderstatus
from kubevitals.surfaces.web import servicestatus, settings

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = model.Problem("history_disk_full", "history in x: there is no <room>", "make room")
AWAY = model.Problem("remote_write_away", "remote-write waits for its receiver: nobody", "wait")
GOOD = recorderstatus.RecorderStatus(
    "file",
    store.Status("writes", ticks=12, bytes=3 << 20),
    writer.Status(sent=900, protocol="2.0", lag_seconds=0.0),
)
BAD = recorderstatus.RecorderStatus(
    "memory",
    store.Status("off", problem=FULL, ticks=5, dropped=7, bytes=None),
    writer.Status(sent=10, refused=3, retries=4, protocol="2.0?", problem=AWAY, lag_seconds=75.0),
)


def telling(kept: recorderstatus.RecorderStatus) -> settings.Settings:
    look: Callable[[], recorderstatus.RecorderStatus] = lambda: kept  # noqa: E731 - what a service is given
    return settings.Settings(recorded=look)


def test_words() -> None:
    """What is as it should be is told in few words, what is not is named."""
    assert recorderstatus.history_words(GOOD) == ["12 ticks", "3.0 MiB"]
    assert recorderstatus.remote_write_words(GOOD) == ["900 samples sent", "version 2.0"]
    assert recorderstatus.history_words(BAD) == ["not recording", "5 ticks", "7 lost"]
    assert recorderstatus.remote_write_words(BAD) == [
        "75 s behind", "10 samples sent", "3 refused", "4 retries",
    ]  # fmt: skip
    assert recorderstatus.history_words(recorderstatus.RecorderStatus("memory")) == ["in memory"]
    assert (
        recorderstatus.history_words(recorderstatus.RecorderStatus())
        == recorderstatus.remote_write_words(recorderstatus.RecorderStatus())
        == []
    )


def test_the_status_tells_both() -> None:
    """`/api/v1/status` has the state of the file and of remote-write, with problems; unknown is null."""
    told = json.loads(servicestatus.make_status({}, BAD))
    assert told["history"] == {
        "source": "memory", "role": "off", "size_bytes": None, "ticks": 5, "dropped_ticks": 7,
        "problem": FULL.to_dict(),
    }  # fmt: skip
    assert told["remote_write"] == {
        "protocol": None, "sent_samples": 10, "refused_samples": 3, "retries": 4, "lag_seconds": 75.0,
        "problem": AWAY.to_dict(),
    }  # fmt: skip
    told = json.loads(servicestatus.make_status({}, GOOD))
    assert (told["history"]["role"], told["history"]["problem"]) == ("writes", None)
    assert told["remote_write"]["protocol"] == "2.0"
    assert json.loads(servicestatus.make_status({}))["history"] is None


def test_a_service_tells_what_it_keeps() -> None:
    """Status and metrics of a service agree; its schema describes what the status says."""
    with web_service.serve(telling(GOOD), simulation={"pods": 5}) as service:
        service.tick()
        told = service.get("/api/v1/status").json()
        assert told["history"]["ticks"] == 12
        metrics = service.get("/metrics").text
        schemas = service.get("/openapi.json").json()["components"]["schemas"]
    values = {
        sample.name: sample.value
        for family in parser.text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name.startswith(("kubevitals_history_", "kubevitals_remote_write_"))
    }
    assert values == {
        "kubevitals_history_up": 1, "kubevitals_history_size_bytes": 3 << 20,
        "kubevitals_history_ticks_total": 12, "kubevitals_history_dropped_ticks_total": 0,
        "kubevitals_remote_write_up": 1, "kubevitals_remote_write_samples_total": 900,
        "kubevitals_remote_write_refused_samples_total": 0, "kubevitals_remote_write_retries_total": 0,
        "kubevitals_remote_write_lag_seconds": 0,
    }  # fmt: skip
    for name, schema in (("history", "HistoryStatus"), ("remote_write", "RemoteWriteStatus")):
        assert set(schemas[schema]["required"]) == set(told[name])


def test_where_nothing_is_recorded_there_is_no_metric_of_it() -> None:
    """A service with memory alone has neither families of the file nor of remote-write."""
    with web_service.serve(simulation={"pods": 5}) as service:
        service.tick()
        assert b"kubevitals_history_" not in service.get("/metrics").content
        told = service.get("/api/v1/status").json()
    assert (told["history"]["source"], told["history"]["role"], told["remote_write"]) == (
        "memory",
        None,
        None,
    )
