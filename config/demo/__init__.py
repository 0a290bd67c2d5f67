"""The demonstration: a small world of two station owners, and the story of a charge told through the real edges."""
