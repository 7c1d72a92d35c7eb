"""The doctor over HTTP: the same document as on the command line, at most once a minute."""

from __future__ import annotations

import json
import pathlib

import jsonschema_rs
from tests import web_service

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


def test_a_refusal_says_what_to_do() -> None:
    """A cluster that does not know us gives a problem document with a remedy."""
    with web_service.serve(simulation={"calm": True}) as service:
        service.world.set_faults(["unauthorized"])
        answer = service.get("/api/v1/doctor")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]


def test_what_was_found_is_exported() -> None:
    """After an examination `/metrics` has each finding, each other layer with its status, and when it was."""
    with web_service.serve(simulation={"calm": True}, faults=["metrics-absent"]) as service:
        assert "kubevitals_doctor_check{" not in service.get("/metrics").text
        report = service.get("/api/v1/doctor").json()
        service.tick()
        lines = [line for line in service.get("/metrics").text.splitlines() if "_doctor_" in line]
    shown = [line for line in lines if line.startswith("kubevitals_doctor_check{")]
    for each in report["findings"]:
        status = "fail" if each["severity"] == "critical" else "warn"
        labels = f'id="{each["id"]}",layer="{each["layer"]}",status="{status}"'
        assert f'kubevitals_doctor_check{{cluster="simulated",{labels}}} 1' in shown
    silent = {each["layer"] for each in report["findings"]}
    others = [each for each in report["layers"] if each["name"] not in silent]
    assert len(shown) == len(report["findings"]) + len(others)
    assert any(line.startswith("kubevitals_doctor_last_run_timestamp_seconds{") for line in lines)
