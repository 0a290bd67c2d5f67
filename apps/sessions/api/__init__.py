"""The read-only REST API of sessions."""
