"""The read-only REST API of stations."""
