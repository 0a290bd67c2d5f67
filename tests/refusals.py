"""How a test states that the database itself refuses something, by name, and keeps nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, models, transaction


@contextmanager
def refused_by(name: str, *kept: type[models.Model]) -> Iterator[None]:
    """Expect the body to be refused by the constraint or trigger message ``name``, and ``kept`` tables untouched."""
    before = [_rows(model) for model in kept]
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        yield
    assert [_rows(model) for model in kept] == before


def _rows(model: type[models.Model]) -> list[dict[str, object]]:
    return list(model._default_manager.order_by("pk").values())


def run_sql(sql: str, *params: object) -> None:
    """Run plain SQL, as somebody with a database shell would."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
