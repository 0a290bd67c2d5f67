"""When a budget tells, worked by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.sessions.domain.budget_letters import letter
from apps.sessions.domain.budgets import percent, reached

FACTS = {
    "percent": "80",
    "what": "B-WL 1",
    "used": "€80.00",
    "amount": "€100.00",
    "month": "March 2026",
    "number": "V-1",
    "address": "https://example.com",
}


@pytest.mark.parametrize(
    ("used", "told", "alerts"),
    [
        ("49.99", set(), ()),
        ("50.00", set(), (50,)),
        ("85.00", set(), (50, 80)),
        ("85.00", {50}, (80,)),
        ("85.00", {50, 80}, ()),
        ("250.00", {50}, (80, 100)),
        # A correction brought the month down again: what was told is not told twice.
        ("55.00", {50, 80}, ()),
    ],
)
def test_tells_each_threshold_once(used, told, alerts):
    assert reached(used=Decimal(used), amount=Decimal(100), thresholds=(50, 80, 100), told=told) == alerts


def test_says_a_hundred_percent_only_when_it_is_reached():
    assert [percent(used=Decimal(used), amount=Decimal("80.00")) for used in ("79.99", "80.00", "160.40")] == [
        99,
        100,
        200,
    ]


@given(st.lists(st.decimals(0, 1000, places=2), max_size=12))
def test_never_tells_a_threshold_twice_whatever_the_month_comes_to(months):
    told: list[int] = []
    for used in months:
        told += reached(used=used, amount=Decimal(100), thresholds=(50, 80, 100), told=told)

    assert len(told) == len(set(told))


@pytest.mark.parametrize("language", ["en", "de", "fr", "nl"])
@pytest.mark.parametrize("is_gross", [False, True])
def test_letters_say_each_fact(language, is_gross):
    subject, body = letter(language, is_gross=is_gross, **FACTS)

    assert FACTS["percent"] in subject
    assert all(fact in body for name, fact in FACTS.items() if name != "percent")
    assert "{" not in subject + body
