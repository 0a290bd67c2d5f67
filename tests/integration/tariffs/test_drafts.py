"""Drafts: made from nothing, from a version or from a document, and saved by one person at a time."""

import pytest

from apps.tariffs import services
from apps.tariffs.domain.parse import TariffError
from apps.tariffs.models import TariffVersion
from tests.factories import NOON, make_draft, make_owner, make_tariff, make_tariff_version, make_user

DAY_AND_NIGHT = {
    "currency": "EUR",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.39"}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.59"}]},
    ],
    "idle": {"max_amount": "12.00"},
    "zero_energy": "flat_only",
}
TEXTS = {"en": "Roof of the station: 2.10 m.", "de": "Durchfahrtshöhe 2,10 m."}


def cheaper(price: str) -> dict:
    return {**DAY_AND_NIGHT, "elements": [{"price_components": [{"type": "ENERGY", "price": price}]}]}


@pytest.fixture
def anna(db):
    return make_user(name="Anna")


@pytest.fixture
def bert(db):
    return make_user(name="Bert")


@pytest.fixture
def draft(db):
    return make_draft()


def save(draft, *, by, document=DAY_AND_NIGHT, expected_edit_no=1, texts=TEXTS):
    return services.save_draft(
        version_id=draft.pk, expected_edit_no=expected_edit_no, document=document, texts=texts, by=by, at=NOON
    )


class TestCreateDraft:
    def test_starts_without_prices_in_the_owners_currency(self, anna):
        tariff = make_tariff(owner=make_owner(currency="CHF"))

        made = services.create_draft(tariff_id=tariff.pk, by=anna, at=NOON)

        assert TariffVersion.objects.get() == made
        assert (made.status, made.currency, made.elements, made.valid_from) == ("draft", "CHF", [], None)
        assert (made.edited_by, made.edited_at) == (anna, NOON)

    def test_keeps_the_whole_document_and_the_texts(self, anna):
        tariff = make_tariff(owner=make_owner())

        services.create_draft(tariff_id=tariff.pk, by=anna, at=NOON, document=DAY_AND_NIGHT, texts=TEXTS)

        stored = TariffVersion.objects.get()
        assert stored.document() == DAY_AND_NIGHT
        assert stored.texts == TEXTS

    def test_keeps_nothing_of_what_is_no_tariff(self, anna):
        tariff = make_tariff(owner=make_owner())
        broken = {**DAY_AND_NIGHT, "elements": [{"price_components": [{"type": "ENERGY", "price": "-1"}]}]}

        with pytest.raises(TariffError, match=r"elements\[0\].price_components\[0\].price"):
            services.create_draft(tariff_id=tariff.pk, by=anna, at=NOON, document=broken)

        assert TariffVersion.objects.count() == 0

    def test_copies_a_published_version_to_a_draft_of_its_own(self, anna):
        version = make_tariff_version(rules={"zero_energy": "full"}, texts=TEXTS, used_at=NOON)

        copy = services.copy_version(version_id=version.pk, by=anna, at=NOON)

        assert copy.pk != version.pk
        assert (copy.document(), copy.texts, copy.tariff) == (version.document(), TEXTS, version.tariff)
        assert (copy.status, copy.used_at, copy.valid_from) == ("draft", None, None)


class TestSaveDraft:
    def test_replaces_what_the_draft_says_and_counts_the_edit(self, draft, anna):
        save(draft, by=anna)

        draft.refresh_from_db()
        assert (draft.document(), draft.texts) == (DAY_AND_NIGHT, TEXTS)
        assert (draft.edit_no, draft.edited_by, draft.edited_at) == (2, anna, NOON)

    def test_refuses_who_read_it_before_somebody_else_saved(self, draft, anna, bert):
        save(draft, by=anna)

        with pytest.raises(services.EditConflict, match="Anna saved this draft at 2026-06-01 12:00 UTC") as refused:
            save(draft, by=bert, document=cheaper("0.01"))

        draft.refresh_from_db()
        assert refused.value.version == draft
        assert (draft.document(), draft.edit_no, draft.edited_by) == (DAY_AND_NIGHT, 2, anna)

    def test_saves_over_what_was_read_again(self, draft, anna, bert):
        save(draft, by=anna)
        save(draft, by=bert, document=cheaper("0.30"), expected_edit_no=2)

        draft.refresh_from_db()
        assert (draft.document(), draft.edit_no) == (cheaper("0.30"), 3)

    def test_refuses_a_published_version_and_says_since_when(self, anna):
        version = make_tariff_version()

        with pytest.raises(services.NotADraft, match="was published at 2020-01-01 00:00 UTC"):
            save(version, by=anna)

        version.refresh_from_db()
        assert version.edit_no == 1

    def test_refuses_a_draft_that_was_discarded(self, draft, anna):
        services.discard_draft(version_id=draft.pk)

        with pytest.raises(services.NotADraft, match="was discarded"):
            save(draft, by=anna)

        assert TariffVersion.objects.count() == 0

    def test_keeps_the_old_draft_when_the_new_one_is_no_tariff(self, draft, anna):
        with pytest.raises(TariffError, match="tax_included"):
            save(draft, by=anna, document={**DAY_AND_NIGHT, "tax_included": "MAYBE"})

        draft.refresh_from_db()
        assert draft.edit_no == 1


class TestDiscardDraft:
    def test_is_fine_twice(self, draft):
        services.discard_draft(version_id=draft.pk)
        services.discard_draft(version_id=draft.pk)

        assert TariffVersion.objects.count() == 0

    def test_refuses_a_published_version(self, db):
        version = make_tariff_version()

        with pytest.raises(services.NotADraft):
            services.discard_draft(version_id=version.pk)

        assert TariffVersion.objects.get() == version
