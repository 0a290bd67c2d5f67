"""The files in which journals leave for other software: what is told, and one module a format."""
