"""Where history is kept if nobody says where: in the state directory of the platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "history.db"


def default_path(
    environment: Mapping[str, str] | None = None, *, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """Return the file: `$XDG_STATE_HOME/kubevitals/history.db` on Linux, or what is usual elsewhere."""
    known = os.environ if environment is None else environment
    home = home or Path.home()
    if platform == "darwin":
        return home / "Library" / "Application Support" / "kubevitals" / _NAME
    if platform == "win32":
        return Path(known.get("LOCALAPPDATA") or home / "AppData" / "Local") / "kubevitals" / _NAME
    state = known.get("XDG_STATE_HOME", "")
    # The specification: a path that is not absolute counts as none.
    return (Path(state) if state.startswith("/") else home / ".local" / "state") / "kubevitals" / _NAME
