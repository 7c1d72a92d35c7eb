"""A deterministic cluster that lives in memory, and the API server that shows it on a loopback socket.

Nothing here knows the client side (`kubevitals.kube`): the two meet on the wire only.
"""
