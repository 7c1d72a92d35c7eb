"""What the services share that answer on a socket: which connections they accept, what one may cost, by which
names they are served, and their log.
"""
