"""The boards, one a file, in the words of `boards.words`, in the order in which people look at them."""

from __future__ import annotations

from deploy.grafana.boards.description import cluster, clusters, nodes, pods, workload

BOARDS = (clusters.BOARD, cluster.BOARD, nodes.BOARD, pods.BOARD, workload.BOARD)
