"""Which cluster, and as whom: kubeconfigs, options, the service account, and every kind of credentials."""
