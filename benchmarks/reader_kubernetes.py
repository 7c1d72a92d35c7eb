"""A process that reads pods and their metrics with the official client and tells how long that took."""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    """Print import and work seconds and the number of pods, as JSON."""
    started = time.perf_counter()
    from kubernetes import client, config, utils

    core = client.CoreV1Api
    imported = time.perf_counter()
    config.load_kube_config(sys.argv[1])
    api = client.ApiClient()
    pods = core(api).list_pod_for_all_namespaces().items
    namespaces = sorted({pod.metadata.namespace for pod in pods})
    usage = utils.get_pods_metrics_in_all_namespaces(api, namespaces)
    done = time.perf_counter()
    if not any(usage.values()):
        sys.exit("the answers hold no usage")
    figures = {"import_seconds": imported - started, "work_seconds": done - imported, "rows": len(pods)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
