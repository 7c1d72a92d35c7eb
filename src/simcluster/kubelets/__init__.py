"""The kubelets of the simulated cluster: what they answer over HTTP, and where they are reached."""
