"""What the database refuses of tariffs and their versions."""

from datetime import timedelta

import pytest

from apps.core.clock import now
from apps.tariffs.models import Tariff, TariffVersion
from tests.factories import LONG_AGO, NOON, make_draft, make_site, make_tariff, make_tariff_version, make_user
from tests.refusals import refused_by, run_sql

pytestmark = pytest.mark.django_db
TOMORROW = now() + timedelta(days=1)


@pytest.fixture
def site():
    return make_site()


class TestTariffs:
    def test_refuse_a_name_twice(self, site):
        with refused_by("tariff_name_unique_per_owner", Tariff):
            make_tariff(owner=site.owner, name=site.tariff.name)

    def test_refuse_an_end_that_is_not_after_the_start(self, site):
        with refused_by("tariff_version_ends_after_start", TariffVersion):
            make_tariff_version(owner=site.owner, valid_from=NOON, valid_to=NOON)

    def test_refuse_two_published_versions_at_one_moment(self, site):
        with refused_by("tariff_version_one_at_a_time", TariffVersion):
            make_tariff_version(tariff=site.tariff, valid_from=NOON)

    def test_allow_any_number_of_drafts(self, site):
        make_draft(tariff=site.tariff)
        make_draft(tariff=site.tariff)

        assert TariffVersion.objects.drafts().count() == 2


class TestADraft:
    @pytest.mark.parametrize(
        "change",
        ["valid_from = now()", "published_at = now()", "used_at = now()", "published_by_id = edited_by_id"],
    )
    def test_is_neither_dated_nor_used_nor_published(self, site, change):
        draft = make_draft(tariff=site.tariff, edited_by=make_user())

        with refused_by("tariff_version_draft_is_neither_dated_nor_used", TariffVersion):
            run_sql(f"UPDATE tariffs_tariffversion SET {change} WHERE id = %s", draft.pk)

    @pytest.mark.parametrize(
        "missing", ["valid_from = NULL", "published_at = NULL", "elements = '[]'"], ids=lambda change: change[:9]
    )
    def test_is_not_published_without_a_start_a_moment_and_prices(self, site, missing):
        values = {"valid_from": "valid_from = '2031-01-01'", "published_at": "published_at = now()"}
        changes = {name: change for name, change in values.items() if not missing.startswith(name)}
        draft = make_draft(owner=site.owner)

        with refused_by("tariff_version_published_with_start_and_prices", TariffVersion):
            run_sql(
                f"UPDATE tariffs_tariffversion SET status = 'published', {', '.join([*changes.values(), missing])} "
                "WHERE id = %s",
                draft.pk,
            )

    def test_may_be_changed_and_deleted(self, site):
        draft = make_draft(tariff=site.tariff)

        TariffVersion.objects.filter(pk=draft.pk).update(currency="CHF", elements=[])
        draft.delete()

        assert TariffVersion.objects.get() == site.version

    def test_has_a_status_that_is_known(self, site):
        with refused_by("tariff_version_draft_is_neither_dated_nor_used", TariffVersion):
            make_tariff_version(owner=site.owner, status="proposed")


class TestAPublishedVersion:
    @pytest.mark.parametrize(
        "change",
        [
            "elements = '[{}]'",
            "currency = 'CHF'",
            "tax_included = true",
            "valid_from = valid_from - interval '1 day'",
            'rules = \'{"zero_energy": "full"}\'',
            'texts = \'{"en": "cheap"}\'',
            "edit_no = edit_no + 1",
            "published_at = now()",
        ],
    )
    def test_is_frozen_before_its_first_session_too(self, site, change):
        with refused_by("a published tariff version is frozen but for valid_to", TariffVersion):
            run_sql(f"UPDATE tariffs_tariffversion SET {change} WHERE id = %s", site.version.pk)

    def test_is_never_deleted(self, site):
        with refused_by("a published tariff version is never deleted", TariffVersion):
            run_sql("DELETE FROM tariffs_tariffversion WHERE id = %s", site.version.pk)

    def test_is_not_withdrawn_once_it_was_in_force(self, site):
        with refused_by("a tariff version that was in force is not withdrawn", TariffVersion):
            run_sql(
                "UPDATE tariffs_tariffversion SET status = 'draft', valid_from = NULL, published_at = NULL "
                "WHERE id = %s",
                site.version.pk,
            )


class TestAUsedVersion:
    @pytest.fixture(autouse=True)
    def used(self, site):
        TariffVersion.objects.filter(pk=site.version.pk).update(used_at=NOON)

    @pytest.mark.parametrize(
        "change",
        [
            "elements = '[]'",
            "currency = 'CHF'",
            "tax_included = true",
            "valid_from = valid_from - interval '1 day'",
            "used_at = NULL",
            "used_at = now()",
            'rules = \'{"zero_energy": "full"}\'',
            'texts = \'{"en": "cheap"}\'',
            "status = 'draft'",
        ],
    )
    def test_is_frozen(self, site, change):
        # Of two triggers PostgreSQL runs the one first whose name comes first; both refuse this.
        with refused_by(
            "tariff version (is frozen but for valid_to|that was in force is not withdrawn)", TariffVersion
        ):
            run_sql(f"UPDATE tariffs_tariffversion SET {change} WHERE id = %s", site.version.pk)

    def test_is_never_deleted(self, site):
        with refused_by("tariff version is never deleted", TariffVersion):
            run_sql("DELETE FROM tariffs_tariffversion WHERE id = %s", site.version.pk)

    def test_ends_ahead_and_never_in_the_past(self, site):
        versions = TariffVersion.objects.filter(pk=site.version.pk)

        with refused_by("moves only from and to what lies ahead", TariffVersion):
            versions.update(valid_to=now() - timedelta(minutes=1))
        versions.update(valid_to=TOMORROW)
        versions.update(valid_to=TOMORROW + timedelta(days=1))

        assert versions.get().valid_to == TOMORROW + timedelta(days=1)

    @pytest.mark.parametrize("end", [None, TOMORROW], ids=["open", "tomorrow"])
    def test_is_over_for_good_once_its_end_has_passed(self, site, end):
        ended = make_tariff_version(owner=site.owner, valid_to=NOON, used_at=LONG_AGO)

        with refused_by("moves only from and to what lies ahead", TariffVersion):
            TariffVersion.objects.filter(pk=ended.pk).update(valid_to=end)

    def test_stays_when_its_draft_copy_goes(self, site):
        copy = make_draft(tariff=site.tariff, elements=site.version.elements)

        copy.delete()

        assert TariffVersion.objects.get().valid_from == LONG_AGO
