"""The description of the API, against which schemathesis asks for what is and for what is not allowed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from tests import web_service

from kubevitals.surfaces.web import openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "4"))  # more look further, and take longer
SCHEMA = schemathesis.openapi.from_dict(openapi.describe(["simulated"]))
OPERATIONS: dict[str, Any] = {
    operation.label: operation
    for operation in (each.ok() for each in SCHEMA.get_all_operations())  # type: ignore[union-attr]
    if operation.path != "/api/v1/stream"  # it does not end
}
_SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with web_service.serve() as service:
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
        response = case.call(base_url=url)
        case.validate_response(response)

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "there is nothing to do wrong"
