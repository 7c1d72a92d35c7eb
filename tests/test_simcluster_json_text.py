from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.world import json_text


@given(st.integers(0, 4_000_000_000))
def test_timestamps_are_rfc_3339(epoch: int) -> None:
    """A timestamp reads back as the same second."""
    assert datetime.datetime.fromisoformat(json_text.timestamp(epoch)).timestamp() == epoch
    assert (
        datetime.datetime.fromisoformat(json_text.micro_timestamp(epoch + 0.25)).timestamp() == epoch + 0.25
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json_text.cpu(250), "250m"),
        (json_text.cpu(2000), "2"),
        (json_text.memory(512 << 20), "512Mi"),
        (json_text.memory(2 << 30), "2Gi"),
        (json_text.memory(1536), "1536"),
        (json_text.memory(16073456 << 10), "16073456Ki"),
        (json_text.memory(0), "0"),
    ],
)
def test_quantities_are_canonical(text: str, expected: str) -> None:
    """Quantities are written as the API server writes them."""
    assert text == expected


@given(st.text(), st.text(alphabet='abc%()s"\\é', max_size=20))
def test_slots_are_filled_and_percent_signs_kept(fixed: str, filled: str) -> None:
    """A text with slots gives the JSON that it was made from."""
    fixed = fixed.replace("@", "")
    form = json_text.Form(
        {
            "a": fixed,
            **json_text.member_slot("members"),
            "b": json_text.slot("name"),
            "c": json_text.value_slot("value"),
        }
    )
    body = form.fill({"members": '"x":1,', "name": json.dumps(filled)[1:-1], "value": "[1,2]"})
    assert json.loads(body) == {"a": fixed, "x": 1, "b": filled, "c": [1, 2]}


def test_managed_fields_name_list_elements_by_key() -> None:
    """fieldsV1 knows lists with keys and leaves atomic ones whole."""
    fields = json_text.fields_of({"spec": {"containers": [{"name": "a", "args": ["x"]}]}})
    assert fields == {
        "f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:args": {}}, ".": {}}}
    }
