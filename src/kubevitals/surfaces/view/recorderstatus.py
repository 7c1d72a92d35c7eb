"""How recording is doing: the file of history and remote-write, in JSON and in words.

Neither the path of the file nor the address of the receiver is in it: they must not reach everyone who may
read the status.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from kubevitals import model
    from kubevitals.history import store
    from kubevitals.surfaces.remotewrite import writer
else:
    from kubevitals.namedtuple import NamedTuple

HISTORY_TYPES = {
    "source": "str",
    "role": "str | None",
    "size_bytes": "int | None",
    "ticks": "int | None",
    "dropped_ticks": "int | None",
}
"""Keys of the file's state beside `problem`, and their types as the model annotates them."""

REMOTE_WRITE_TYPES = {
    "protocol": "str | None",
    "sent_samples": "int",
    "refused_samples": "int",
    "retries": "int",
    "lag_seconds": "float | None",
}
_ROLES = {"writes": "recording", "reads": "another process records", "off": "not recording"}


class RecorderStatus(NamedTuple):
    """The states of both; None where it is not in use."""

    source: str | None = None  # where answers about the past come from: a file or memory
    recording: store.Status | None = None
    sending: writer.Status | None = None

    @property
    def problems(self) -> list[model.Problem]:
        """Why the file is not written, and why nothing is sent, if so."""
        found = [each.problem for each in (self.recording, self.sending) if each is not None]
        return [problem for problem in found if problem is not None]

    @property
    def protocol(self) -> str | None:
        """The version of remote-write that the receiver has accepted."""
        if self.sending is None or self.sending.protocol.endswith("?"):
            return None
        return self.sending.protocol


def to_history(kept: RecorderStatus) -> dict[str, Any] | None:
    """Return the state of history as an object for JSON."""
    if kept.source is None:
        return None
    told = kept.recording
    return {
        "source": kept.source,
        "role": None if told is None else told.role,
        "size_bytes": None if told is None else told.bytes,
        "ticks": None if told is None else told.ticks,
        "dropped_ticks": None if told is None else told.dropped,
        "problem": None if told is None or told.problem is None else told.problem.to_dict(),
    }


def to_remote_write(kept: RecorderStatus) -> dict[str, Any] | None:
    """Return the state of remote-write as an object for JSON."""
    told = kept.sending
    if told is None:
        return None
    return {
        "protocol": kept.protocol,
        "sent_samples": told.sent,
        "refused_samples": told.refused,
        "retries": told.retries,
        "lag_seconds": told.lag_seconds,
        "problem": None if told.problem is None else told.problem.to_dict(),
    }


def history_words(kept: RecorderStatus) -> list[str]:
    """Return the state of history in short phrases, the most important first."""
    told = kept.recording
    if told is None:
        return [] if kept.source is None else ["in memory"]
    words = [] if told.role == "writes" else [_ROLES[told.role]]
    words.append(f"{told.ticks} ticks")
    words += [f"{told.dropped} lost"] if told.dropped else []
    return words + ([] if told.bytes is None else [f"{told.bytes / (1 << 20):.1f} MiB"])


def remote_write_words(kept: RecorderStatus) -> list[str]:
    """Return the state of remote-write in short phrases, the most important first."""
    told = kept.sending
    if told is None:
        return []
    words = [f"{told.lag_seconds:.0f} s behind"] if told.lag_seconds else []
    words.append(f"{told.sent} samples sent")
    words += [f"{told.refused} refused"] if told.refused else []
    words += [f"{told.retries} retries"] if told.retries else []
    return words + ([] if kept.protocol is None else [f"version {kept.protocol}"])
