"""What every test shares."""

from __future__ import annotations

import hypothesis

# Machines are shared: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("kubevitals", deadline=None)
hypothesis.settings.load_profile("kubevitals")
