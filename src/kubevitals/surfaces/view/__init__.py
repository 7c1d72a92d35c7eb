"""What several surfaces share: columns, documents, files, how times are written. No surface knows another."""
