"""Use cases of documents; each module is one story."""
