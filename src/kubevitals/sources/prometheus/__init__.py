"""Usage from a Prometheus-compatible server that scrapes the kubelets of the cluster."""
