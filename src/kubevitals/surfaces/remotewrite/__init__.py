"""Remote-write: pushing recorded snapshots to Prometheus, Mimir, Thanos, VictoriaMetrics and the like.

`series` turns snapshots into samples, `protobuf` encodes them, `sender` makes one request, and `writer` sends
all recorded snapshots in order. The file of history is the queue: what the receiver has not acknowledged is
read from there again.
"""
