"""The read-only REST API of tariffs."""
