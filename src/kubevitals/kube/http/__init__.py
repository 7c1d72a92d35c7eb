"""An HTTP/1.1 client: connections and their pool, TLS, proxies, retries, and failures in words."""
