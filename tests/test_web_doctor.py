"""The doctor over HTTP: the same document as on the command line, at most once a minute."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import jsonschema_rs
import pytest
from tests import web_service

from kubevitals import doctor
from kubevitals.surfaces.web import doctorroutes

SCHEMA = pathlib.Path(__file__).parents[1] / "docs/doctor.schema.json"


def test_the_document_is_that_of_the_command_line() -> None:
    """Beside schema and kind it has exactly the keys of docs/doctor.schema.json."""
    with web_service.serve(
        simulation={"calm": True}, faults=["metrics-server-certificate-expired"]
    ) as service:
        answer = service.get("/api/v1/doctor")
    assert answer.status_code == 200
    document = answer.json()
    assert (document.pop("schema"), document.pop("kind")) == ("kubevitals/v1", "DoctorReport")
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(document)
    assert [each["id"] for each in document["findings"]] == ["metrics_server_certificate_expired"]


@pytest.mark.parametrize("faults", [[], ["unauthorized"]])
def test_it_examines_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch, faults: list[str]) -> None:
    """Whoever asks within a minute gets the same answer, failures too; then it is asked anew."""
    now = [1000.0]
    asked = []
    original = doctor.examine

    def examine(*arguments: Any, **options: Any) -> Any:
        asked.append(now[0])
        return original(*arguments, **options)

    monkeypatch.setattr(doctor, "examine", examine)
    monkeypatch.setattr(doctorroutes.DoctorRoutes.__init__, "__kwdefaults__", {"clock": lambda: now[0]})
    with web_service.serve(simulation={"calm": True}) as service:
        service.world.set_faults(faults)
        wanted = 503 if faults else 200
        for _ in range(3):
            assert service.get("/api/v1/doctor").status_code == wanted
        now[0] += 61
        assert service.get("/api/v1/doctor").status_code == wanted
    assert asked == [1000.0, 1061.0]


def test_a_refusal_says_what_to_do() -> None:
    """A cluster that does not know us gives a problem document with a remedy."""
    with web_service.serve(simulation={"calm": True}) as service:
        service.world.set_faults(["unauthorized"])
        answer = service.get("/api/v1/doctor")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
