"""Publishing: what is refused and asked, when a version begins, and how the one before it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.clock import now
from apps.tariffs import services
from apps.tariffs.domain.lint import Profile
from apps.tariffs.domain.status import VersionState
from apps.tariffs.models import TariffVersion
from tests.factories import LONG_AGO, NOON, make_draft, make_tariff_version, make_user

pytestmark = pytest.mark.django_db
NEW_YEAR = datetime(2031, 1, 1, tzinfo=UTC)
EASTER = datetime(2031, 4, 13, tzinfo=UTC)
# The second can never be reached: a warning.
UNREACHABLE = [
    {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
    {"price_components": [{"type": "ENERGY", "price": "0.40"}], "restrictions": {"day_of_week": ["SUNDAY"]}},
]
# The least is more than the most: an error.
IMPOSSIBLE = {"min_price": {"incl_vat": "5.00"}, "max_price": {"incl_vat": "4.00"}}


@pytest.fixture
def anna():
    return make_user(name="Anna")


@pytest.fixture
def draft():
    return make_draft()


def publish(draft, *, by, valid_from=NEW_YEAR, at=NOON, expected_edit_no=1, **options):
    return services.publish_version(
        version_id=draft.pk, expected_edit_no=expected_edit_no, valid_from=valid_from, by=by, at=at, **options
    )


def is_still_a_draft(draft) -> bool:
    return TariffVersion.objects.drafts().filter(pk=draft.pk, edit_no=1).exists()


class TestPublishVersion:
    def test_freezes_the_draft_and_notes_who_and_when(self, draft, anna):
        published = publish(draft, by=anna)

        stored = TariffVersion.objects.get()
        assert stored == published
        assert (stored.status, stored.valid_from, stored.valid_to) == ("published", NEW_YEAR, None)
        assert (stored.published_by, stored.published_at) == (anna, NOON)
        assert stored.state_at(NOON) is VersionState.SCHEDULED
        assert stored.state_at(NEW_YEAR) is VersionState.IN_FORCE

    def test_prices_nothing_before_its_start(self, draft, anna):
        publish(draft, by=anna)

        assert not TariffVersion.objects.in_force(NEW_YEAR - timedelta(microseconds=1)).exists()
        assert TariffVersion.objects.in_force(NEW_YEAR).get() == draft

    def test_ends_the_version_before_it_though_that_was_used(self, anna):
        current = make_tariff_version(used_at=NOON)
        draft = make_draft(tariff=current.tariff)

        publish(draft, by=anna)

        current.refresh_from_db()
        assert current.valid_to == NEW_YEAR
        assert current.state_at(NEW_YEAR) is VersionState.SUPERSEDED

    def test_may_begin_before_a_version_that_is_scheduled(self, anna):
        current = make_tariff_version(used_at=NOON)
        later, sooner = make_draft(tariff=current.tariff), make_draft(tariff=current.tariff)
        publish(later, by=anna, valid_from=EASTER)

        publish(sooner, by=anna, valid_from=NEW_YEAR)

        spans = TariffVersion.objects.order_by("valid_from").values_list("valid_from", "valid_to")
        assert list(spans) == [(LONG_AGO, NEW_YEAR), (NEW_YEAR, EASTER), (EASTER, None)]

    def test_begins_at_once_where_no_version_is_in_force(self, draft, anna):
        assert publish(draft, by=anna, valid_from=None).valid_from == NOON

    @pytest.mark.parametrize(
        ("second", "minute"), [(0, 1), (49, 1), (50, 1), (51, 2)], ids=["full", "early", "ready", "late"]
    )
    def test_begins_with_the_next_full_minute_where_another_is_in_force(self, anna, second, minute):
        current = make_tariff_version()
        draft = make_draft(tariff=current.tariff)
        at = (now() + timedelta(days=1)).replace(minute=0, second=second, microsecond=0)

        published = publish(draft, by=anna, valid_from=None, at=at)

        current.refresh_from_db()
        assert published.valid_from == current.valid_to == at.replace(minute=minute, second=0)

    def test_refuses_a_past_that_was_charged_already(self, draft, anna):
        with pytest.raises(services.PublishRefused, match="lies ahead"):
            publish(draft, by=anna, valid_from=NOON - timedelta(minutes=1))

        assert is_still_a_draft(draft)

    @pytest.mark.parametrize("year", [2037, 9999])
    def test_refuses_a_start_that_no_calendar_shows(self, draft, anna, year):
        with pytest.raises(services.PublishRefused, match="within the next ten years"):
            publish(draft, by=anna, valid_from=datetime(year, 12, 31, tzinfo=UTC))

        assert is_still_a_draft(draft)

    def test_refuses_the_moment_at_which_another_begins(self, anna):
        first = make_draft()
        second = make_draft(tariff=first.tariff)
        publish(first, by=anna)

        with pytest.raises(services.PublishRefused, match="Another version begins"):
            publish(second, by=anna)

        assert is_still_a_draft(second)

    def test_refuses_errors_by_their_paths(self, anna):
        draft = make_draft(tax_included=True, rules=IMPOSSIBLE)

        with pytest.raises(services.PublishRefused) as refused:
            publish(draft, by=anna, accept_warnings=True)

        assert not isinstance(refused.value, services.WarningsNotAccepted)
        assert [finding.path for finding in refused.value.findings] == ["max_price.incl_vat"]
        assert is_still_a_draft(draft)

    def test_refuses_a_draft_without_prices(self, anna):
        draft = make_draft(elements=[])

        with pytest.raises(services.PublishRefused) as refused:
            publish(draft, by=anna)

        assert [finding.path for finding in refused.value.findings] == ["elements"]
        assert is_still_a_draft(draft)

    def test_asks_about_warnings_and_publishes_when_they_are_accepted(self, anna):
        draft = make_draft(elements=UNREACHABLE)

        with pytest.raises(services.WarningsNotAccepted) as asked:
            publish(draft, by=anna)
        assert is_still_a_draft(draft)
        publish(draft, by=anna, accept_warnings=True)

        assert [finding.path for finding in asked.value.findings] == ["elements[1]"]
        assert TariffVersion.objects.published().get() == draft

    def test_checks_the_rules_of_a_market_that_is_asked_for(self, anna):
        by_the_hour = [{"price_components": [{"type": "ENERGY", "price": "0.5"}, {"type": "TIME", "price": "6"}]}]
        draft = make_draft(elements=by_the_hour)

        with pytest.raises(services.PublishRefused):
            publish(draft, by=anna, profiles=(Profile.US_KWH_ONLY,), accept_warnings=True)
        assert is_still_a_draft(draft)
        publish(draft, by=anna, accept_warnings=True)

        assert TariffVersion.objects.published().count() == 1

    def test_refuses_who_has_not_read_the_last_edit(self, draft, anna):
        services.save_draft(
            version_id=draft.pk, expected_edit_no=1, document=draft.document(), texts={}, by=anna, at=NOON
        )

        with pytest.raises(services.EditConflict):
            publish(draft, by=anna)

        assert TariffVersion.objects.published().count() == 0

    def test_twice_says_that_it_is_published(self, draft, anna):
        publish(draft, by=anna)

        with pytest.raises(services.NotADraft, match="published by Anna at 2026-06-01 12:00 UTC"):
            publish(draft, by=anna, valid_from=EASTER)

        assert TariffVersion.objects.get().valid_from == NEW_YEAR


class TestWithdrawVersion:
    def test_makes_a_draft_and_lets_the_version_before_go_on(self, anna):
        current = make_tariff_version(used_at=NOON)
        draft = make_draft(tariff=current.tariff)
        publish(draft, by=anna)

        services.withdraw_version(version_id=draft.pk, at=NOON)

        current.refresh_from_db()
        draft.refresh_from_db()
        assert current.valid_to is None
        assert (draft.status, draft.valid_from, draft.published_at, draft.edit_no) == ("draft", None, None, 2)

    def test_closes_the_gap_up_to_the_version_after_it(self, anna):
        current = make_tariff_version()
        soon, later = make_draft(tariff=current.tariff), make_draft(tariff=current.tariff)
        publish(soon, by=anna)
        publish(later, by=anna, valid_from=EASTER)

        services.withdraw_version(version_id=soon.pk, at=NOON)

        current.refresh_from_db()
        assert current.valid_to == EASTER

    def test_refuses_one_that_was_in_force(self):
        version = make_tariff_version()

        with pytest.raises(services.PublishRefused, match="in force already"):
            services.withdraw_version(version_id=version.pk, at=NOON)

        assert TariffVersion.objects.published().get() == version

    def test_refuses_a_draft(self, draft):
        with pytest.raises(services.PublishRefused, match="not published"):
            services.withdraw_version(version_id=draft.pk, at=NOON)

        assert is_still_a_draft(draft)


class TestEndVersion:
    def test_leaves_the_tariff_without_a_price_from_then_on(self):
        version = make_tariff_version(used_at=NOON)

        services.end_version(version_id=version.pk, valid_to=NEW_YEAR, at=now())

        assert TariffVersion.objects.in_force(NEW_YEAR - timedelta(seconds=1)).get() == version
        assert not TariffVersion.objects.in_force(NEW_YEAR).exists()

    @pytest.mark.parametrize("valid_to", [NOON, LONG_AGO, NOON - timedelta(seconds=1)])
    def test_refuses_the_past(self, valid_to):
        version = make_tariff_version()

        with pytest.raises(services.PublishRefused, match="lies ahead"):
            services.end_version(version_id=version.pk, valid_to=valid_to, at=NOON)

        version.refresh_from_db()
        assert version.valid_to is None

    def test_refuses_an_end_that_no_calendar_shows(self):
        version = make_tariff_version(valid_from=LONG_AGO)

        with pytest.raises(services.PublishRefused, match="within the next ten years"):
            services.end_version(version_id=version.pk, valid_to=datetime(9999, 12, 31, tzinfo=UTC), at=NOON)

        assert TariffVersion.objects.get().valid_to is None

    def test_refuses_an_end_that_is_set(self):
        version = make_tariff_version(valid_to=NEW_YEAR)

        with pytest.raises(services.PublishRefused, match="ends at 2031-01-01 00:00 UTC already"):
            services.end_version(version_id=version.pk, valid_to=EASTER, at=NOON)
