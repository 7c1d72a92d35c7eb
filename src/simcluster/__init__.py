"""A deterministic Kubernetes cluster in memory, with the API server and the kubelets that answer for it.

They answer on loopback sockets as real ones do, so that demos, tests and benchmarks run a whole client.
Nothing here knows that client: the two meet on the wire only.
"""
