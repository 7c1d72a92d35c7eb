"""kubevitals: how a Kubernetes cluster is doing."""

__version__ = "0.1.0"
