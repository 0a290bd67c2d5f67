"""The read-only REST API of customers, contracts and cards."""
