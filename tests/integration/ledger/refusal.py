"""Ask the database itself, past every service."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction


def run_sql(sql: str, *values: object) -> None:
    """Run one statement and whatever constraints it deferred, in a savepoint of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refuses(sql: str, *values: object, says: str) -> None:
    """Expect the database to refuse a statement in words that contain ``says``."""
    with pytest.raises(IntegrityError, match=says):
        run_sql(sql, *values)


@contextmanager
def triggers_off() -> Generator[None]:
    """Do what no trigger would let pass, as a damaged or tampered database would look."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
