"""The read-only REST API of invoices."""
