"""The simulated API server: authorization, discovery, storage, watches, tables and the metrics API."""
