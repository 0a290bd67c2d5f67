"""What happens to sessions, each one story in one transaction."""
