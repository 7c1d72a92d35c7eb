"""The API server that shows a world on a loopback socket: requests, tables, watches, rights, faults."""
