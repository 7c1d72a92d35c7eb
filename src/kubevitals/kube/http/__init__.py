"""HTTP to one cluster: connections, TLS, proxies, retries, lists, watches, and failures in words."""
