"""The read-only REST API of payments and of what is open."""
