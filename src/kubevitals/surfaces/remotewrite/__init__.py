"""Pushing what was recorded to a database: Prometheus' remote-write, to Prometheus, Mimir, Thanos or others.

`series` makes samples of snapshots, `protobuf` encodes them, `sending` makes the requests, and `writer` goes
through the recorded snapshots in their order. What is not acknowledged stays in the store: that is the queue.
"""
