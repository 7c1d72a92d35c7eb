"""The headers that protect who looks at the service in a browser."""

from __future__ import annotations

SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every answer."""

STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""On every answer over TLS, unless the host is an address or localhost."""

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of the page: no inline style or script, and no text that becomes HTML."""
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of everything that is no page."""
