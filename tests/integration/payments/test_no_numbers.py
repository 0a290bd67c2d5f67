"""What Stripe alone may know stays there: after whole stories no card number or IBAN is in a row, log or request."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from apps.payments.models import PaymentOperation
from tests.histories import driver, fleet
from tests.histories.house import House
from tests.histories.telling import happen, rolled_back, stage
from tests.histories.weather import Weather

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = {*driver.CARDS, *fleet.CARDS, *fleet.TURNS, *fleet.IBANS}
"""What is typed into Stripe's pages. A payer's IBAN that the bank tells is kept on purpose and is none of these."""
TEXTS = """
    SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_name)
    WHERE columns.table_schema = 'public' AND tables.table_schema = 'public' AND table_type = 'BASE TABLE'
      AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY')
"""


def every_text() -> str:
    """Return whatever stands in a text, JSON or array column of any table."""
    with connection.cursor() as cursor:
        cursor.execute(TEXTS)
        columns = cursor.fetchall()
        assert ("payments_paymentoperation", "params") in columns
        found = []
        for table, column in columns:
            cursor.execute(f'SELECT string_agg("{column}"::text, chr(10)) FROM "{table}"')
            found.append(cursor.fetchone()[0] or "")
    return "\n".join(found)


def numbers_in(text: str) -> set[str]:
    """Return which of the numbers typed stand in a text, however they are grouped."""
    joined = re.sub(r"(?<=[0-9A-Z])[ -](?=[0-9])", "", text)
    return {number for number in TYPED if number in text or number in joined}


@contextmanager
def listening() -> Iterator[list[str]]:
    """Gather what every logger says, at every level, from a handler of its own."""
    said: list[str] = []
    handler = logging.Handler(logging.NOTSET)
    handler.emit = lambda record: said.append(f"{record.name}: {record.getMessage()} {record.exc_text or ''}")
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, ("apps", "stripe", "urllib3", "django"))]
    before = [each.level for each in loggers]
    root.addHandler(handler)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.removeHandler(handler)
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


class TestANumber:
    @pytest.mark.parametrize("story", [driver.Drivers, fleet.Fleet])
    def test_typed_on_stripes_page_is_in_no_row_log_or_request(self, story):
        with stage() as (place, sandbox), listening() as said:
            house = House(Weather(sandbox, story.__name__), sweepers=story.SWEEPERS)
            with rolled_back(), house.open():
                told = story(house, place)
                told.begin()
                house.weather.turn_bad()
                for _ in range(60):
                    happen(told, house)
                assert PaymentOperation.objects.count() > 1
                assert numbers_in(every_text()) == set()
            assert numbers_in(json.dumps(sandbox.control.requests())) == set()

        assert numbers_in("\n".join(said)) == set()
        assert {"apps", "stripe"} <= {line.partition(":")[0].partition(".")[0] for line in said}

    def test_that_did_get_in_would_be_found(self):
        assert numbers_in("paid by 4242 4242-4242 4242") == {"4242424242424242"}
        assert numbers_in("from DE89 3704 0044 0532 0130 00") == {"DE89370400440532013000"}
