"""Measures kubevitals beside its peers on simulated clusters: `python -m benchmarks --help`."""
