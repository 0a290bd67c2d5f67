"""Tariffs of many rows in the editor: nothing that it does not read is lost."""

from django.urls import reverse

from tests.factories import make_draft
from tests.integration.tariffs.pages import form_in

ENERGY = {"price_components": [{"type": "ENERGY", "price": "0.59"}]}


def editor(draft) -> str:
    return reverse("admin:tariffs_tariffversion_change", args=[draft.pk])


class TestALongTariff:
    def test_of_more_fields_than_most_forms_have_is_saved(self, owner, ours):
        draft = make_draft(tariff=ours.site.tariff, elements=[ENERGY] * 40)

        owner.post(editor(draft), form_in(owner.get(editor(draft))) | {"e39-energy_price": ["0.2"]})

        draft.refresh_from_db()
        assert draft.elements == [*[ENERGY] * 39, {"price_components": [{"type": "ENERGY", "price": "0.2"}]}]

    def test_that_could_not_be_given_back_whole_is_shown_without_fields(self, owner, ours):
        draft = make_draft(tariff=ours.site.tariff, elements=[ENERGY] * 101)

        shown = owner.get(editor(draft))
        owner.post(editor(draft), {"row": "e0", "e0-flat_price": "1", "edit_no": draft.edit_no, "_act": "save"})

        draft.refresh_from_db()
        assert "This draft has 101 rows; at most 100 are written here." in shown.content.decode()
        assert form_in(shown) == {}
        assert draft.elements == [ENERGY] * 101

    def test_sent_with_rows_that_are_not_read_is_refused(self, owner, ours):
        draft = make_draft(tariff=ours.site.tariff, elements=[ENERGY])
        rows = {"row": [f"e{at}" for at in range(101)]}

        refused = owner.post(editor(draft), form_in(owner.get(editor(draft))) | rows)

        draft.refresh_from_db()
        assert "elements: at most 100 rows are written here; nothing is saved" in refused.content.decode()
        assert draft.elements == [ENERGY]
