"""Bank statements as they are read: camt.053 and CSV become the same lines."""
