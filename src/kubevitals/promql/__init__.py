"""A client for Prometheus-compatible servers: queries, answers, and finding one in a cluster."""
