"""Completion: the answers that the shells' completion scripts ask for with `kubevitals __complete`."""
