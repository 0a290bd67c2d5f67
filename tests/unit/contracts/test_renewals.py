import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.contracts.domain.contract_words import WORDS, say_day, say_term
from apps.contracts.domain.renewals import Due, Term, add_months, earliest_end, renewed, what_is_due

NEW_YEAR = date(2027, 1, 1)
YEARLY = Term(end=NEW_YEAR, renews_months=12, notice_days=30)


class TestWhatIsDue:
    @pytest.mark.parametrize(
        ("today", "due"),
        [
            # 30 days before 1 January is 2 December, the last day of notice; 14 days before that is 18 November.
            (date(2026, 11, 17), Due.NOTHING),
            (date(2026, 11, 18), Due.REMIND),
            (date(2026, 12, 2), Due.REMIND),
            (date(2026, 12, 3), Due.RENEW),
            (date(2027, 3, 1), Due.RENEW),
        ],
    )
    def test_reminds_before_notice_is_over_and_renews_after(self, today, due):
        assert what_is_due(YEARLY, today=today) is due

    @pytest.mark.parametrize(
        ("today", "due"),
        [(date(2026, 12, 31), Due.NOTHING), (NEW_YEAR, Due.END), (date(2027, 6, 1), Due.END)],
    )
    def test_ends_what_does_not_renew_on_its_first_day_without(self, today, due):
        assert what_is_due(Term(end=NEW_YEAR, renews_months=0, notice_days=30), today=today) is due

    def test_leaves_what_runs_until_further_notice(self):
        assert what_is_due(Term(end=None, renews_months=0, notice_days=30), today=NEW_YEAR) is Due.NOTHING


class TestEarliestEnd:
    @pytest.mark.parametrize(
        ("term", "given_on", "end"),
        [
            (YEARLY, date(2026, 12, 2), NEW_YEAR),
            (YEARLY, date(2026, 12, 3), date(2028, 1, 1)),
            (Term(end=None, renews_months=0, notice_days=30), date(2026, 12, 2), NEW_YEAR),
            (Term(end=None, renews_months=0, notice_days=0), NEW_YEAR, date(2027, 1, 2)),
            (Term(end=NEW_YEAR, renews_months=0, notice_days=90), date(2026, 12, 31), NEW_YEAR),
            # Notice longer than the renewal: the end must still be 60 days away.
            (Term(end=NEW_YEAR, renews_months=1, notice_days=60), date(2026, 12, 4), date(2027, 3, 1)),
        ],
    )
    def test_is_what_notice_allows(self, term, given_on, end):
        assert earliest_end(term, given_on=given_on) == end

    @given(
        st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 24), st.integers(0, 365), st.integers(-400, 400)
    )
    def test_is_never_nearer_than_the_notice(self, end, months, notice, offset):
        term = Term(end=end, renews_months=months, notice_days=notice)
        day = end + timedelta(days=offset)

        assert earliest_end(term, given_on=day) >= day + timedelta(days=notice)


class TestRenewed:
    def test_goes_on_from_its_end(self):
        assert renewed(YEARLY).end == date(2028, 1, 1)

    @pytest.mark.parametrize(
        ("day", "months", "later"),
        [
            (date(2027, 1, 31), 1, date(2027, 2, 28)),
            (date(2028, 1, 31), 1, date(2028, 2, 29)),
            (date(2027, 12, 1), 1, date(2028, 1, 1)),
            (date(2028, 2, 29), 12, date(2029, 2, 28)),
            (date(2027, 3, 15), 24, date(2029, 3, 15)),
        ],
    )
    def test_ends_on_the_last_day_of_a_shorter_month(self, day, months, later):
        assert add_months(day, months) == later

    def test_is_nothing_for_what_does_not_renew(self):
        with pytest.raises(ValueError, match="renewal"):
            renewed(Term(end=NEW_YEAR, renews_months=0, notice_days=0))


class TestSayTerm:
    def test_says_the_last_day_and_not_the_first_without(self):
        last = date(2026, 12, 31)

        assert "until 31 Dec 2026 and is renewed by 12 months" in say_term(YEARLY, last=last, language="en")
        assert "bis zum 31.12.2026 und verlängert sich jeweils um 12 Monate" in say_term(
            YEARLY, last=last, language="de"
        )
        assert say_day(last, language="de") == "31.12.2026"

    def test_knows_the_same_placeholders_in_every_language(self):
        for name in WORDS["en"].__slots__:
            said = {language: getattr(words, name) for language, words in WORDS.items()}
            if isinstance(said["en"], str):
                found = {language: sorted(set(re.findall(r"\{(\w+)\}", text))) for language, text in said.items()}
                assert len({tuple(one) for one in found.values()}) == 1, (name, found)
