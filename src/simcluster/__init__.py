"""A deterministic Kubernetes cluster in memory, with an API server and kubelets that listen on loopback.

They speak HTTP on sockets as real ones do, so that demos, tests and benchmarks run a complete client.
"""
