"""A row that breaks is named and stops no other; a database that fails stops them all."""

import logging

import pytest
from django.db import OperationalError

from apps.accounts.models import Organisation
from apps.core.sweeps import one_by_one

pytestmark = pytest.mark.django_db


def test_a_row_that_breaks_undoes_only_what_was_done_for_it(caplog):
    def add(name: str) -> None:
        Organisation.objects.create(name=name)
        if name == "poison":
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        done = one_by_one(["first", "poison", "last"], add)

    assert done == 2
    assert sorted(Organisation.objects.values_list("name", flat=True)) == ["first", "last"]
    assert [record.getMessage() for record in caplog.records] == ["add broke at poison"]


def test_a_database_that_fails_is_no_rows_fault():
    done = []

    def work(number: int) -> None:
        done.append(number)
        raise OperationalError

    with pytest.raises(OperationalError):
        one_by_one([1, 2], work)

    assert done == [1]
