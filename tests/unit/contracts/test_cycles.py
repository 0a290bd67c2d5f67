"""Which days a billing run takes up, by the contract's cycle."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.contracts.domain.cycles import BillingCycle, last_billed_day


@pytest.mark.parametrize(
    ("cycle", "until", "last"),
    [
        ("run", date(2026, 3, 17), date(2026, 3, 17)),
        ("session", date(2026, 3, 17), date(2026, 3, 17)),
        ("month", date(2026, 3, 17), date(2026, 2, 28)),
        ("month", date(2026, 3, 30), date(2026, 2, 28)),
        ("month", date(2026, 3, 31), date(2026, 3, 31)),
        ("month", date(2026, 1, 1), date(2025, 12, 31)),
        ("month", date(2028, 2, 28), date(2028, 1, 31)),
        ("month", date(2028, 2, 29), date(2028, 2, 29)),
        ("quarter", date(2026, 3, 30), date(2025, 12, 31)),
        ("quarter", date(2026, 3, 31), date(2026, 3, 31)),
        ("quarter", date(2026, 11, 30), date(2026, 9, 30)),
        ("quarter", date(2026, 12, 31), date(2026, 12, 31)),
    ],
)
def test_takes_up_what_is_over(cycle: str, until: date, last: date) -> None:
    assert last_billed_day(BillingCycle(cycle), until=until) == last


@given(st.sampled_from(BillingCycle), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_never_bills_beyond_the_run_and_never_forgets_what_it_billed(cycle: BillingCycle, until: date) -> None:
    last = last_billed_day(cycle, until=until)
    assert last <= until
    assert last_billed_day(cycle, until=last) == last
    assert last_billed_day(cycle, until=until + timedelta(days=1)) >= last
