"""Reaching a cluster: which one, as whom, the client that asks it, and its objects as records, listed or
watched.
"""
