"""Usage from the kubelets themselves: each node's /metrics/resource, counters made into rates here."""
