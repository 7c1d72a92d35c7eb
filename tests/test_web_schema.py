"""The description of the API, against which schemathesis asks for what is and for what is not allowed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from tests import listed_history, web_service

from kubevitals import kinds
from kubevitals.surfaces.web import historyquery, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import history as histories

EXAMPLES = 4
DOCUMENT = web_service.describe()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: dict[str, Any] = {
    operation.label: operation
    for operation in (each.ok() for each in SCHEMA.get_all_operations())  # type: ignore[union-attr]
    if operation.path != "/api/v1/stream"  # it does not end
}
_TOGETHER = (historyquery.TOGETHER, historyquery.TOO_MANY)
# What a grammar allows is nothing that a schema can say: the example of each description stands for it.
GRAMMARS = {
    f"GET {path}": {
        each["name"]: each["schema"]["examples"][0]
        for each in item["get"].get("parameters", ())
        if "examples" in each["schema"]
    }
    for path, item in DOCUMENT["paths"].items()
    if "get" in item
}
_ACCEPTED = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
_SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def _series(kind: str) -> histories.Series:
    now = datetime.now(UTC)
    return listed_history.samples("one", [0.1, None, 0.3], kind=kind, until=now, cluster="simulated")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    kept = listed_history.Listed(*(_series(kind) for kind in kinds.SINGULARS))
    with web_service.serve(settings.Settings(history=kept)) as service:
        service.tick()
        service.collector.start()
        with web_service.listening(service) as where:
            yield where


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("label", list(OPERATIONS))
def test_the_service_is_as_described(url: str, label: str, mode: schemathesis.GenerationMode) -> None:
    """Every route answers what the description says, to good questions and to bad ones."""
    operation = OPERATIONS[label]

    @_SETTINGS
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is schemathesis.GenerationMode.POSITIVE:
            case.query.update({name: text for name, text in GRAMMARS[label].items() if name in case.query})
        response = case.call(base_url=url)
        # That parameters do not go together is nothing that a description can say.
        together = response.status_code == 422 and response.json()["code"] in _TOGETHER
        case.validate_response(response, excluded_checks=_ACCEPTED if together else None)

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "there is nothing to do wrong"
