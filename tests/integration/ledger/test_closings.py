"""A closed month takes no more journals; what comes late goes into the first open one and keeps its tax date."""

from datetime import UTC, date, datetime
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction

from apps.ledger import services
from apps.ledger.domain.chart import Role
from apps.ledger.domain.charts import ChartKind, NumberedAccount
from apps.ledger.models import AccountNumber, Chart, Closing, Journal
from apps.ledger.selectors import closed_until, first_open_day, numbering_on
from apps.ledger.services.charts import NotChangeable, choose_chart, set_numbers
from apps.ledger.services.closings import NotClosable, close_month, following, reopen_month
from tests.factories import make_user
from tests.integration.ledger.refusal import refuses
from tests.integration.ledger.test_services import SALE

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
LATER = datetime(2026, 7, 10, 12, tzinfo=UTC)
ADD_JOURNAL = (
    "INSERT INTO ledger_journal (entity_id, key, posted_on, tax_date, text, created_at)"
    " VALUES (%s, 'x', %s, %s, '', %s)"
)


@pytest.fixture
def clerk(db):
    return make_user(email="clerk@example.org")


def close(entity, month=MARCH, *, by, at=LATER) -> Closing:
    return close_month(entity_id=entity.pk, month=month, by=by, at=at)


def post(entity, day=date(2026, 3, 31), key="invoice:1:issued") -> Journal:
    return services.post(
        entity_id=entity.pk,
        key=key,
        posted_on=day,
        tax_date=day,
        text="Invoice",
        lines=SALE,
        currency="EUR",
        at=LATER,
    )


class TestAClosedMonth:
    def test_is_refused_by_the_database(self, entity, clerk):
        close(entity, by=clerk)

        for day in (date(2026, 3, 31), MARCH, date(2025, 12, 31)):
            refuses(ADD_JOURNAL, entity.pk, day, day, LATER, says="is closed")
        assert Journal.objects.count() == 0

    def test_lets_late_things_into_the_first_open_day_under_their_own_tax_date(self, entity, clerk):
        close(entity, by=clerk)

        journal = post(entity)

        assert (journal.posted_on, journal.tax_date) == (APRIL, date(2026, 3, 31))

    def test_leaves_what_was_posted_before_where_it_was_however_often_it_is_told(self, entity, clerk):
        first = post(entity)
        close(entity, by=clerk)

        again = post(entity)

        assert again == first
        assert again.posted_on == date(2026, 3, 31)

    def test_is_closed_for_its_own_seller_alone(self, entity, other_entity, clerk):
        close(entity, by=clerk)

        assert post(other_entity).posted_on == date(2026, 3, 31)

    def test_leaves_later_days_as_they_are(self, entity, clerk):
        close(entity, by=clerk)

        assert post(entity, day=date(2026, 4, 17)).posted_on == date(2026, 4, 17)

    def test_needs_nobody_who_closes(self, entity):
        assert closed_until(entity.pk) is None
        assert first_open_day(entity_id=entity.pk, day=date(1999, 1, 1)) == date(1999, 1, 1)
        assert post(entity).posted_on == date(2026, 3, 31)


class TestClosing:
    def test_twice_is_once(self, entity, clerk):
        assert close(entity, by=clerk) == close(entity, by=clerk)
        assert Closing.objects.count() == 1

    def test_closes_all_before(self, entity, clerk):
        close(entity, MAY, by=clerk)

        assert first_open_day(entity_id=entity.pk, day=MARCH) == date(2026, 6, 1)
        with pytest.raises(NotClosable, match="May 2026 is closed"):
            close(entity, MARCH, by=clerk)

    def test_waits_for_the_months_end_on_the_sellers_own_clock(self, entity, clerk):
        with pytest.raises(NotClosable, match="not over"):
            close(entity, by=clerk, at=datetime(2026, 3, 31, 21, 59, tzinfo=UTC))

        assert close(entity, by=clerk, at=datetime(2026, 3, 31, 22, 0, tzinfo=UTC)).month == MARCH

    @pytest.mark.parametrize(("month", "after"), [(date(2026, 12, 1), date(2027, 1, 1)), (MARCH, APRIL)])
    def test_knows_the_month_after(self, month, after):
        assert following(month) == after

    def test_is_never_changed_or_deleted_in_the_database(self, entity, clerk):
        close(entity, APRIL, by=clerk)

        refuses("UPDATE ledger_closing SET month = '2026-03-01'", says="only reopened, once")
        refuses("DELETE FROM ledger_closing", says="never deleted")
        refuses(
            "INSERT INTO ledger_closing (entity_id, month, closed_at, reason) VALUES (%s, '2026-03-01', now(), '')",
            entity.pk,
            says="a later month is closed",
        )
        refuses(
            "INSERT INTO ledger_closing (entity_id, month, closed_at, reason) VALUES (%s, '2026-05-02', now(), '')",
            entity.pk,
            says="closing_is_of_a_whole_month",
        )


class TestReopening:
    def test_says_who_and_why_and_lets_the_month_take_journals_again(self, entity, clerk):
        closing = close(entity, by=clerk)

        reopened = reopen_month(closing_id=closing.pk, reason="A receipt was missing", by=clerk, at=LATER)

        assert (reopened.reopened_by, reopened.reason) == (clerk, "A receipt was missing")
        assert post(entity).posted_on == date(2026, 3, 31)
        assert close(entity, by=clerk).pk != closing.pk

    def test_needs_a_reason(self, entity, clerk):
        closing = close(entity, by=clerk)

        with pytest.raises(NotClosable, match="needs a reason"):
            reopen_month(closing_id=closing.pk, reason="  ", by=clerk, at=LATER)

        assert closed_until(entity.pk) == MARCH

    def test_goes_from_the_last_month_backwards(self, entity, clerk):
        first, last = close(entity, by=clerk), close(entity, APRIL, by=clerk)

        with pytest.raises(NotClosable, match="April 2026 is closed too"):
            reopen_month(closing_id=first.pk, reason="why not", by=clerk, at=LATER)

        reopen_month(closing_id=last.pk, reason="why not", by=clerk, at=LATER)
        assert closed_until(entity.pk) == MARCH


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_a_month_is_not_closed_beneath_a_journal_that_is_being_posted(self, entity, clerk, monkeypatch):
        monkeypatch.setattr("apps.ledger.services.closings._TRIES", 1)
        posted, may_commit = Event(), Event()

        def slow_posting() -> None:
            try:
                with transaction.atomic():
                    post(entity)
                    posted.set()
                    assert may_commit.wait(10)
            finally:
                connections.close_all()

        thread = Thread(target=slow_posting)
        thread.start()
        assert posted.wait(10)
        with pytest.raises(NotClosable, match="being posted"):
            close(entity, by=clerk)
        may_commit.set()
        thread.join()

        close(entity, by=clerk)
        assert [journal.posted_on for journal in Journal.objects.all()] == [date(2026, 3, 31)]
        assert post(entity, key="invoice:2:issued").posted_on == APRIL

    def test_who_posts_while_a_month_is_being_closed_waits_and_then_sees_it(self, entity, clerk):
        closed, may_commit, days = Event(), Event(), []

        def slow_closing() -> None:
            try:
                with transaction.atomic():
                    close(entity, by=clerk)
                    closed.set()
                    assert may_commit.wait(10)
            finally:
                connections.close_all()

        def posting() -> None:
            try:
                days.append(post(entity).posted_on)
            finally:
                connections.close_all()

        closer, poster = Thread(target=slow_closing), Thread(target=posting)
        closer.start()
        assert closed.wait(10)
        poster.start()
        poster.join(0.3)
        assert days == []
        may_commit.set()
        closer.join()
        poster.join(10)

        assert days == [APRIL]

    def test_eight_who_close_one_month_close_it_once(self, entity, clerk, at_once):
        results = at_once(*[lambda: close(entity, by=clerk).pk] * 8)

        assert len({str(result) for result in results}) == 1
        assert Closing.objects.count() == 1


class TestCharts:
    def test_number_by_the_ledgers_own_codes_until_one_is_chosen(self, entity):
        assert numbering_on(entity=entity, day=MARCH).account(Role.BANK).number == "1000"

    def test_hold_from_their_month_on(self, entity, clerk):
        choose_chart(entity_id=entity.pk, kind=ChartKind.SKR04, valid_from=APRIL, by=clerk, at=LATER)

        assert numbering_on(entity=entity, day=date(2026, 3, 31)).account(Role.BANK).number == "1000"
        assert numbering_on(entity=entity, day=APRIL).account(Role.BANK).number == "1800"

    def test_take_numbers_of_the_sellers_own_with_their_history(self, entity, clerk):
        choose_chart(entity_id=entity.pk, kind=ChartKind.SKR03, valid_from=MARCH, by=clerk, at=LATER)
        for month, number in ((MARCH, "1220"), (MAY, "1230")):
            numbers = {(Role.BANK, ""): NumberedAccount(number, "Sparkasse")}
            set_numbers(entity_id=entity.pk, numbers=numbers, valid_from=month, by=clerk, at=LATER)

        found = [numbering_on(entity=entity, day=day).account(Role.BANK).number for day in (MARCH, APRIL, MAY)]

        assert found == ["1220", "1220", "1230"]
        assert AccountNumber.objects.count() == 2

    def test_write_nothing_where_nothing_changes(self, entity, clerk):
        choose_chart(entity_id=entity.pk, kind=ChartKind.SKR03, valid_from=MARCH, by=clerk, at=LATER)
        numbers = {(Role.BANK, ""): NumberedAccount("1200", "Bank")}

        assert set_numbers(entity_id=entity.pk, numbers=numbers, valid_from=MARCH, by=clerk, at=LATER) == []

    def test_keep_their_numbers_where_only_a_setting_changes(self, entity, clerk):
        said = {"entity_id": entity.pk, "by": clerk, "at": LATER}
        choose_chart(kind=ChartKind.SKR03, valid_from=MARCH, **said)
        set_numbers(numbers={(Role.BANK, ""): NumberedAccount("1220", "Sparkasse")}, valid_from=MARCH, **said)

        choose_chart(kind=ChartKind.SKR03, valid_from=MAY, consultant_number=29098, client_number=55003, **said)

        assert numbering_on(entity=entity, day=MAY).account(Role.BANK).number == "1220"

    def test_refuse_a_number_that_is_none_of_theirs_and_write_nothing(self, entity, clerk):
        choose_chart(entity_id=entity.pk, kind=ChartKind.SKR03, valid_from=MARCH, by=clerk, at=LATER)
        numbers = {
            (Role.BANK, ""): NumberedAccount("1220", "Sparkasse"),
            (Role.RECEIVABLE, ""): NumberedAccount("14", "Forderungen"),
        }

        with pytest.raises(NotChangeable, match="4 digits"):
            set_numbers(entity_id=entity.pk, numbers=numbers, valid_from=MARCH, by=clerk, at=LATER)

        assert not AccountNumber.objects.exists()

    def test_never_change_in_a_closed_month(self, entity, clerk):
        chart = choose_chart(entity_id=entity.pk, kind=ChartKind.SKR03, valid_from=MARCH, by=clerk, at=LATER)
        close(entity, APRIL, by=clerk)
        number = {(Role.BANK, ""): NumberedAccount("1220", "Sparkasse")}

        with pytest.raises(NotChangeable, match="from May 2026 on"):
            choose_chart(entity_id=entity.pk, kind=ChartKind.SKR04, valid_from=APRIL, by=clerk, at=LATER)
        with pytest.raises(NotChangeable, match="from May 2026 on"):
            set_numbers(entity_id=entity.pk, numbers=number, valid_from=APRIL, by=clerk, at=LATER)

        refuses(
            "INSERT INTO ledger_chart (entity_id, kind, valid_from, account_length, year_begins, decided_at)"
            " VALUES (%s, 'skr04', '2026-04-01', 4, 1, now())",
            entity.pk,
            says="never changes in a closed month",
        )
        refuses(
            "INSERT INTO ledger_accountnumber (chart_id, role, vat, number, name, is_automatic, valid_from, decided_at)"
            " VALUES (%s, 'bank', '', '1', '', false, '2026-04-01', now())",
            chart.pk,
            says="never changes in a closed month",
        )

    def test_are_never_changed_or_deleted(self, entity, clerk):
        choose_chart(entity_id=entity.pk, kind=ChartKind.SKR03, valid_from=MARCH, by=clerk, at=LATER)

        refuses("UPDATE ledger_chart SET kind = 'skr04'", says="charts are never changed or deleted")
        assert Chart.objects.get().kind == "skr03"
        connection.check_constraints()
