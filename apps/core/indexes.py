"""Indexes that Django has no short name for."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db.models import Index
from django.db.models.functions import Upper


def by_any_part(field: str, *, name: str) -> GinIndex:
    """Find rows of a long table by any part of a text, of three letters or more and of any case (``icontains``).

    Its migration makes the extension first (``TrigramExtension``).
    """
    return GinIndex(OpClass(Upper(field), name="gin_trgm_ops"), name=name)


def by_beginning(field: str, *, name: str) -> Index:
    """Find rows by how a text begins (``startswith``), whatever the database's language sorts by."""
    return Index(fields=[field], opclasses=["varchar_pattern_ops"], name=name)
