"""Speaking with a Prometheus-compatible server: queries, answers, where it is. It must not know families."""
