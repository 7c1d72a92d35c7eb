"""The HTTP service: JSON, Prometheus exposition, an event stream, a page. Needs the extra `serve`."""
