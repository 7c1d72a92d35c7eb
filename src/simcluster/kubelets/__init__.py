"""The simulated kubelets: their endpoints, and the ports where they are reached."""
