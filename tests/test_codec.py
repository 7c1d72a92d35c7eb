"""Lines of a watch made into records; pages of lists are in test_records.py."""

from __future__ import annotations

import pytest

from kubevitals import errors
from kubevitals.kube import codec, records

READ = codec.PODS.open_decoder()


def test_a_hollow_bookmark_is_read() -> None:
    """A bookmark as the real API server writes it, whose pod has no containers, is a position and no pod."""
    line = (
        b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12746",'
        b'"creationTimestamp":null},"spec":{"containers":null},"status":{}}}'
    )
    event = READ(line)
    assert (event.type, event.resource_version, event.object) == ("BOOKMARK", "12746", None)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"no json", errors.NotJSONError),
        (b'{"type":"ADDED","object":{"metadata":{"name":"\x8e"}}}', errors.NotJSONError),
        (b'{"type":"ADDED","object":{"x":' + b"[" * 5000, errors.NotJSONError),
        (b"[]", errors.WrongKindError),
        (b'{"type":"ADDED"}', errors.WrongKindError),
        (b'{"type":"ADDED","object":5}', errors.WrongKindError),
        (b'{"type":"ADDED","object":{"metadata":{},"spec":{"containers":5}}}', errors.WrongKindError),
    ],
)
def test_lines_that_are_no_events(line: bytes, kind: type[errors.DecodingError]) -> None:
    """What is no event is an error of its own."""
    with pytest.raises(kind):
        READ(line)


def test_an_error_event_is_left_to_the_watch() -> None:
    """The decoder does not read the Status of an ERROR event."""
    assert READ(b'{ "type":"ERROR","object":{"kind":"Status","code":410}}').type == "ERROR"


def test_shared_label_sets_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label sets that are kept for sharing do not grow with the number of events."""
    monkeypatch.setattr(codec, "_RENEWAL", 10)
    decoder = codec.PODS.open_decoder()
    for number in range(95):
        decoder(
            b'{"type":"ADDED","object":{"metadata":{"name":"a","labels":{"n":"%d"}},"spec":{"containers":[]}}}'
            % number
        )
    assert len(decoder._reader._label_sets) <= 10


def test_metadata_alone() -> None:
    """An object that is asked for as metadata has its name and what controls it."""
    line = (
        b'{"type":"ADDED","object":{"kind":"PartialObjectMetadata","metadata":{"name":"a","namespace":"b",'
        b'"resourceVersion":"7","ownerReferences":[{"kind":"X","name":"x"},'
        b'{"kind":"CronJob","name":"c","controller":true}]}}}'
    )
    event = codec.METADATA.open_decoder()(line)
    assert event == codec.Event("ADDED", (records.Metadata("b", "a", ("CronJob", "c")), ()), "7")
    assert codec.METADATA.key(event.object[0]) == ("b", "a")
