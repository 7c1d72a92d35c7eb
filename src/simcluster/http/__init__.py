"""The HTTP/1.1 server of the simulated cluster: messages, sockets and certificates."""
