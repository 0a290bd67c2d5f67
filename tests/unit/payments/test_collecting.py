"""When an invoice is tried again after a refusal."""

from datetime import date, timedelta

import pytest

from apps.payments.domain.collecting import Retry, Tries, next_try_date, retry_after
from apps.payments.domain.failures import Failure

FIRST = date(2026, 12, 1)
NO_FUNDS = Failure(code="insufficient_funds", advice="try_again_later")


def after(count: int, *, last: date = FIRST, failure: Failure = NO_FUNDS) -> date | None:
    return next_try_date(Tries(count=count, first_date=FIRST, last_date=last, failure=failure))


class TestTheSchedule:
    def test_tries_on_days_3_7_and_14_after_the_first(self):
        assert after(1) == date(2026, 12, 4)
        assert after(2, last=date(2026, 12, 4)) == date(2026, 12, 8)
        assert after(3, last=date(2026, 12, 8)) == date(2026, 12, 15)

    def test_ends_after_the_fourth_try(self):
        assert after(4, last=date(2026, 12, 15)) is None

    def test_tries_once_a_day_at_most_after_a_week_without_a_beat(self):
        late = FIRST + timedelta(days=10)

        assert after(2, last=late) == late + timedelta(days=1)
        assert after(3, last=late + timedelta(days=1)) == date(2026, 12, 15)


class TestOffSessionDecline:
    """PAYMENTS.md: off-session decline → advice code decides."""

    @pytest.mark.parametrize("advice", ["do_not_try_again", "confirm_card_data"])
    def test_is_not_repeated_where_the_issuer_advises_against_it(self, advice):
        assert after(1, failure=Failure(code="insufficient_funds", advice=advice)) is None

    @pytest.mark.parametrize("code", ["lost_card", "stolen_card", "account_closed", "expired_card"])
    def test_is_not_repeated_with_what_is_gone_for_good(self, code):
        assert retry_after(Failure(code=code)) == Retry.NEVER
        assert after(1, failure=Failure(code=code, advice="try_again_later")) is None

    @pytest.mark.parametrize("code", ["do_not_honor", "generic_decline", "processing_error", ""])
    def test_is_repeated_as_scheduled_where_nothing_speaks_against_it(self, code):
        assert after(1, failure=Failure(code=code)) == date(2026, 12, 4)

    def test_that_asks_for_the_customer_is_never_blindly_repeated(self):
        assert retry_after(Failure(code="authentication_required")) == Retry.CUSTOMER_CONFIRMS
        assert after(1, failure=Failure(code="authentication_required")) is None
