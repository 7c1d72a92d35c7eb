"""Reaching a cluster: which one, with which credentials, and the HTTP client that asks it.

It must not know what the answers mean to a user, nor anything of the simulated cluster.
"""
