"""No usage at all: requests, limits and health alone, for those who want no other request made."""

from __future__ import annotations

from kubevitals import sources


class NoSource:
    """Answers at once that nothing is known."""

    name = sources.NONE

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return no sample, and the reason for it. It never fails."""
        del scope
        usage = sources.Usage(self.name)
        usage.reason = "no_source"
        return usage
