"""What an owner does on the tariff pages, through the pages' own forms."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core.clock import now
from apps.tariffs.models import TariffVersion
from tests.factories import make_draft, make_member, make_tariff_version, make_user
from tests.integration.tariffs.pages import form_in
from tests.integration.tenants import signed_in

DAY_AND_NIGHT = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.39"}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.59"}]},
]
OCPI = {
    "country_code": "DE",
    "party_id": "WLT",
    "id": "T-1",
    "currency": "EUR",
    "tariff_alt_text": [{"language": "de", "text": "Ökostrom"}],
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def draft(ours):
    return make_draft(tariff=ours.site.tariff, elements=DAY_AND_NIGHT, tax_included=True)


def page(name: str, *args: object) -> str:
    return reverse(f"admin:tariffs_{name}", args=args)


def editor(draft) -> str:
    return page("tariffversion_change", draft.pk)


def sent_by(client, draft, **changes: str) -> dict[str, list[str]]:
    """Return what the editor's form would send after the changes; ``e0__price`` is the field ``e0-price``."""
    return form_in(client.get(editor(draft))) | {name.replace("__", "-"): [each] for name, each in changes.items()}


def stored(draft) -> TariffVersion:
    return TariffVersion.objects.get(pk=draft.pk)


class TestTheEditor:
    def test_saves_what_is_typed_without_a_word_of_json(self, owner, draft):
        changes = {
            "e0__energy_price": "0,35",
            "e1__parking_time_price": "0.10",
            "e1__parking_time_unit": "min",
            "idle_max_amount": "12.00",
            "text_de": "Durchfahrtshöhe 2,10 m",
        }

        response = owner.post(editor(draft), sent_by(owner, draft, **changes) | {"_act": "save"})

        version = stored(draft)
        assert response.status_code == 302
        assert version.elements == [
            {**DAY_AND_NIGHT[0], "price_components": [{"type": "ENERGY", "price": "0.35"}]},
            {"price_components": [{"type": "ENERGY", "price": "0.59"}, {"type": "PARKING_TIME", "price": "6.00"}]},
        ]
        assert (version.rules, version.texts) == ({"idle": {"max_amount": "12.00"}}, {"de": "Durchfahrtshöhe 2,10 m"})
        assert version.edit_no == 2

    def test_saves_nothing_new_when_nothing_was_changed(self, owner, draft):
        before = stored(draft).document()

        owner.post(editor(draft), sent_by(owner, draft) | {"_act": "save"})

        assert stored(draft).document() == before

    def test_shows_a_problem_at_its_row_with_its_path_and_saves_nothing(self, owner, draft):
        sent = sent_by(owner, draft, e0__start_time="22:00", e0__end_time="25:00", e1__energy_price="-1")

        response = owner.post(editor(draft), sent | {"_act": "save"})

        first, second = (row.form for row, _ in response.context["rows"])
        assert list(first.errors) == ["end_time"]
        assert list(second.errors) == ["energy_price"]
        text = response.content.decode()
        assert "elements[0].restrictions.end_time" in text
        assert "elements[1].price_components[0].price" in text
        assert stored(draft).edit_no == 1

    @pytest.mark.parametrize(
        ("act", "rows"),
        [
            ("add", ["e0", "e1", "n0"]),
            ("down:e0", ["e1", "e0"]),
            ("up:e1", ["e1", "e0"]),
            ("up:e0", ["e0", "e1"]),
            ("remove:e0", ["e1"]),
            ("remove:nobody", ["e0", "e1"]),
        ],
    )
    def test_rearranges_rows_without_javascript_and_without_saving(self, owner, draft, act, rows):
        response = owner.post(editor(draft), sent_by(owner, draft, e0__energy_price="0.11") | {"_act": act})

        assert form_in(response)["row"] == rows
        assert "has_problems" in response.context
        assert stored(draft).elements == DAY_AND_NIGHT

    def test_keeps_the_order_in_which_rows_were_sent(self, owner, draft):
        sent = sent_by(owner, draft)

        owner.post(editor(draft), sent | {"row": ["e1", "e0"], "_act": "save"})

        assert stored(draft).elements == DAY_AND_NIGHT[::-1]

    def test_starts_a_row_where_there_is_none(self, owner, ours):
        empty = make_draft(tariff=ours.site.tariff, elements=[])

        added = form_in(owner.post(editor(empty), sent_by(owner, empty) | {"_act": "add"}))
        owner.post(editor(empty), added | {"n0-energy_price": "0.5", "n0-day_of_week": ["SUNDAY"], "_act": "save"})

        assert stored(empty).elements == [
            {"price_components": [{"type": "ENERGY", "price": "0.5"}], "restrictions": {"day_of_week": ["SUNDAY"]}}
        ]

    def test_says_each_row_in_a_sentence_and_draws_the_week(self, owner, draft):
        text = owner.get(editor(draft)).content.decode()

        assert "22:00–06:00: 0.39 €/kWh, gross" in text
        assert text.count('class="wl-week-day"') == 7

    def test_fills_in_the_public_holidays_of_a_region(self, owner, draft):
        wanted = {"holiday_country": "de", "holiday_region": "be", "holiday_year": "2027", "_act": "holidays"}

        response = owner.post(editor(draft), sent_by(owner, draft, holidays="2026-12-24") | wanted)

        days = form_in(response)["holidays"][0].split()
        assert days[:2] == ["2026-12-24", "2027-01-01"]
        assert "2027-03-08" in days
        assert "Women&#x27;s Day" in response.content.decode()
        assert stored(draft).rules == {}

    @pytest.mark.parametrize(
        ("country", "region", "year", "told"),
        [
            ("DE", "XX", "2027", "Known regions:"),
            ("XX", "", "2027", "the two letters of the country"),
            ("DE", "", "soon", "Say for which year"),
            ("DE", "", "99999999", "Say for which year"),
        ],
    )
    def test_says_which_holidays_it_does_not_know(self, owner, draft, country, region, year, told):
        wanted = {"holiday_country": country, "holiday_region": region, "holiday_year": year, "_act": "holidays"}

        response = owner.post(editor(draft), sent_by(owner, draft) | wanted)

        assert told in response.content.decode()
        assert form_in(response)["holidays"] == [""]

    @pytest.mark.parametrize("week", ["9999-12-31", "0001-01-01", "soon"])
    def test_draws_this_week_where_none_is_asked_for(self, owner, draft, week):
        response = owner.post(editor(draft), sent_by(owner, draft) | {"week": week, "_act": "preview"})

        assert response.status_code == 200
        assert abs(response.context["week"] - now().date()) <= timedelta(days=1)


class TestThePreview:
    def test_tells_what_is_typed_and_saves_nothing(self, owner, draft):
        sent = sent_by(owner, draft, e0__energy_price="0.11", e1__energy_price="many")

        told = owner.post(page("tariffversion_preview", draft.pk), sent).json()

        assert told["sentences"]["e0"] == "22:00–06:00: 0.11 €/kWh, gross"
        assert "no" in told["sentences"]["e1"]
        assert "As soon as the rows are complete" in told["preview"]
        assert stored(draft).edit_no == 1

    def test_is_for_those_who_may_write(self, ours, draft):
        reader = signed_in(
            make_member(organisation=ours.owner, role=Role.READ_ONLY, user=make_user(is_staff=True)).user
        )

        assert reader.post(page("tariffversion_preview", draft.pk), {}).status_code == 403


class TestAConflict:
    @pytest.fixture
    def refused(self, ours, owner, draft):
        """Return our owner's answer after Bert was faster."""
        bert = signed_in(
            make_member(organisation=ours.owner, role=Role.FINANCE, user=make_user(name="Bert", is_staff=True)).user
        )
        mine = sent_by(owner, draft, e1__energy_price="0.44")
        bert.post(editor(draft), sent_by(bert, draft, e1__energy_price="0.66") | {"_act": "save"})
        return owner.post(editor(draft), mine | {"_act": "save"})

    def price(self, version) -> str:
        return version.elements[1]["price_components"][0]["price"]

    def again(self, owner, refused, draft, act):
        sent: dict[str, list[str]] = {"edit_no": [str(refused.context["edit_no"])], "_act": [act]}
        for name, value in refused.context["sent"]:
            sent.setdefault(name, []).append(value)
        return owner.post(editor(draft), sent)

    def test_shows_both_and_who_was_faster(self, refused, draft):
        text = refused.content.decode()

        assert refused.status_code == 409
        assert "Bert saved this draft at" in text
        assert "at all times: 0.44 €/kWh, gross" in text
        assert "at all times: 0.66 €/kWh, gross" in text
        assert self.price(stored(draft)) == "0.66"

    def test_lets_mine_replace_theirs(self, owner, refused, draft):
        self.again(owner, refused, draft, "save")

        assert self.price(stored(draft)) == "0.44"
        assert stored(draft).edit_no == 3

    def test_lets_both_be_kept(self, owner, refused, draft):
        self.again(owner, refused, draft, "keep_both")

        drafts = TariffVersion.objects.drafts().order_by("pk")
        assert [self.price(each) for each in drafts] == ["0.66", "0.44"]

    def test_with_a_publisher_keeps_mine_as_a_draft(self, owner, ours, draft):
        mine = sent_by(owner, draft, e1__energy_price="0.44")
        TariffVersion.objects.filter(pk=ours.site.version.pk).update(valid_to="2031-01-01T00:00Z")
        TariffVersion.objects.filter(pk=draft.pk).update(
            status="published", valid_from="2031-01-01T00:00Z", published_at=now()
        )

        refused = owner.post(editor(draft), mine | {"_act": "save"})
        self.again(owner, refused, draft, "keep_both")

        assert refused.status_code == 409
        assert "Copy it to a new draft" in refused.content.decode()
        assert self.price(stored(draft)) == "0.59"
        assert self.price(TariffVersion.objects.drafts().get()) == "0.44"


class TestPublishing:
    def test_asks_and_ends_the_version_before(self, owner, ours, draft):
        asked = owner.get(page("tariffversion_publish", draft.pk))

        published = owner.post(
            page("tariffversion_publish", draft.pk),
            {"edit_no": asked.context["form"]["edit_no"].value(), "valid_from": "2031-01-01T00:00"},
        )

        version = stored(draft)
        ours.site.version.refresh_from_db()
        assert (asked.status_code, published.status_code) == (200, 302)
        # The owner's wall clock is Berlin's.
        assert f"{version.valid_from:%Y-%m-%d %H:%M}" == "2030-12-31 23:00"
        assert ours.site.version.valid_to == version.valid_from
        assert version.published_by == ours.operator.user

    def test_with_warnings_asks_for_a_tick(self, owner, ours):
        draft = make_draft(tariff=ours.site.tariff, elements=[DAY_AND_NIGHT[1], DAY_AND_NIGHT[0]])
        address, sent = page("tariffversion_publish", draft.pk), {"edit_no": "1", "valid_from": "2031-01-01T00:00"}

        asked = owner.post(address, sent)
        assert stored(draft).is_draft
        owner.post(address, sent | {"accept_warnings": "on"})

        assert "Publish anyway" in asked.content.decode()
        assert "elements[1]" in asked.content.decode()
        assert not stored(draft).is_draft

    def test_with_errors_offers_no_tick_and_publishes_nothing(self, owner, ours):
        draft = make_draft(tariff=ours.site.tariff, elements=[])

        refused = owner.post(
            page("tariffversion_publish", draft.pk), {"edit_no": "1", "valid_from": "", "accept_warnings": "on"}
        )

        assert "It has errors" in refused.content.decode()
        assert "Publish anyway" not in refused.content.decode()
        assert stored(draft).is_draft

    def test_refuses_a_draft_that_changed_since_it_was_read(self, owner, draft):
        TariffVersion.objects.filter(pk=draft.pk).update(edit_no=2, edited_at=now())

        refused = owner.post(page("tariffversion_publish", draft.pk), {"edit_no": "1", "valid_from": ""})

        assert "Read it again" in refused.content.decode()
        assert stored(draft).is_draft

    def test_goes_back_until_it_begins(self, owner, ours, draft):
        owner.post(page("tariffversion_publish", draft.pk), {"edit_no": "1", "valid_from": "2031-01-01T00:00"})

        owner.post(page("tariffversion_withdraw", draft.pk))

        ours.site.version.refresh_from_db()
        assert stored(draft).is_draft
        assert ours.site.version.valid_to is None

    def test_is_not_for_support(self, ours, draft):
        client = signed_in(make_member(organisation=ours.owner, role=Role.SUPPORT, user=make_user(is_staff=True)).user)

        answers = {client.get(page(f"tariffversion_{act}", draft.pk)).status_code for act in ("publish", "copy", "end")}

        assert answers == {403}
        assert client.get(editor(draft)).status_code == 200
        assert "tariff-editor" not in client.get(editor(draft)).content.decode()


class TestAPublishedVersion:
    def test_shows_what_it_says_and_why_it_is_fixed(self, owner, ours):
        text = owner.get(editor(ours.site.version)).content.decode()

        assert "at all times: 0.50 €/kWh, net" in text
        assert "A session was priced with it on 1 Jun 2026" in text
        assert "tariff-editor" not in text

    def test_is_not_deleted(self, owner, ours):
        answer = owner.post(page("tariffversion_delete", ours.site.version.pk), {"post": "yes"})

        assert answer.status_code == 403
        assert TariffVersion.objects.filter(pk=ours.site.version.pk).exists()

    def test_is_copied_to_a_draft(self, owner, ours):
        response = owner.post(page("tariffversion_copy", ours.site.version.pk))

        copy = TariffVersion.objects.drafts().get()
        assert response["Location"] == editor(copy)
        assert copy.document() == ours.site.version.document()


class TestStartingADraft:
    def test_begins_with_the_version_in_force(self, owner, ours):
        address = page("tariff_new_draft", ours.site.tariff.pk)

        offered = owner.get(address).context["form"].initial["start"]
        owner.post(address, {"start": offered.pk})

        assert offered == ours.site.version
        assert TariffVersion.objects.drafts().get().elements == ours.site.version.elements

    def test_begins_with_no_row_of_another_tenant(self, owner, ours, theirs):
        response = owner.post(page("tariff_new_draft", ours.site.tariff.pk), {"start": theirs.site.version.pk})

        assert response.status_code == 200
        assert TariffVersion.objects.drafts().count() == 0

    def test_from_the_list_begins_with_nothing(self, owner, ours):
        owner.post(page("tariffversion_add"), {"tariff": ours.site.tariff.pk})

        assert TariffVersion.objects.drafts().get().elements == []

    def test_is_undone_by_discarding_it(self, owner, draft):
        owner.post(page("tariffversion_delete", draft.pk), {"post": "yes"})

        assert not TariffVersion.objects.drafts().exists()


class TestOcpi:
    def test_pasted_becomes_a_draft_with_its_texts(self, owner, ours):
        response = owner.post(page("tariff_import_ocpi", ours.site.tariff.pk), {"text": json.dumps(OCPI)})

        draft = TariffVersion.objects.drafts().get()
        assert response["Location"] == editor(draft)
        assert draft.document() == {
            "currency": "EUR",
            "tax_included": "NO",
            "elements": draft.elements,
        }
        assert draft.elements[0]["price_components"][0]["price"] == "0.39"
        assert draft.texts == {"de": "Ökostrom"}

    def test_uploaded_becomes_a_draft(self, owner, ours):
        file = SimpleUploadedFile("tariff.json", json.dumps(OCPI).encode(), "application/json")

        owner.post(page("tariff_import_ocpi", ours.site.tariff.pk), {"file": file})

        assert TariffVersion.objects.drafts().count() == 1

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (json.dumps(OCPI | {"currency": "EURO"}), "<code>currency</code>"),
            (json.dumps(OCPI | {"elements": [{"price_components": []}]}), "<code>elements[0].price_components</code>"),
            ('{"id": ', "This is no JSON that can be read"),
            (json.dumps(OCPI | {"id": "T\0"}), "a text holds the character U+0000"),
            ("", "Choose a file, or paste the tariff."),
        ],
    )
    def test_that_is_no_tariff_is_refused_by_path_and_nothing_is_saved(self, owner, ours, text, told):
        response = owner.post(page("tariff_import_ocpi", ours.site.tariff.pk), {"text": text})

        assert told in response.content.decode()
        assert TariffVersion.objects.drafts().count() == 0

    def test_goes_out_as_it_came_in(self, owner, ours):
        owner.post(page("tariff_import_ocpi", ours.site.tariff.pk), {"text": json.dumps(OCPI)})
        draft = TariffVersion.objects.drafts().get()

        response = owner.get(page("tariffversion_export", draft.pk), {"version": "2.2.1"})

        exported = json.loads(response.content)
        assert response["Content-Disposition"].startswith("attachment")
        assert exported["elements"] == OCPI["elements"]
        assert exported["tariff_alt_text"] == OCPI["tariff_alt_text"]

    def test_says_what_ocpi_cannot_say_and_hands_out_nothing(self, owner, ours):
        idle_fee = [
            {"price_components": [{"type": "PARKING_TIME", "price": "6"}], "restrictions": {"min_idle_time": 60}}
        ]
        draft = make_draft(tariff=ours.site.tariff, elements=[*idle_fee, *DAY_AND_NIGHT])

        response = owner.get(page("tariffversion_export", draft.pk), {"version": "2.2.1"})

        assert "Content-Disposition" not in response
        assert "min_idle_time" in response.content.decode()


class TestSideBySide:
    def test_prices_usual_sessions_under_each_by_the_engine(self, owner, ours, draft):
        response = owner.get(page("tariffversion_compare"), {"v": [ours.site.version.pk, draft.pk]})

        noon, night, *_ = response.context["usual"]
        # 10 kWh at 0.50 net plus 19 %, and at 0.59 gross; 30 kWh from 23:00 to 04:00 at 0.50 net, and at 0.39 gross.
        assert [str(rated.gross) for rated in noon.rated] == ["5.95", "5.90"]
        assert [str(rated.gross) for rated in night.rated] == ["17.85", "11.70"]
        assert str(noon.cheapest) == "5.90"

    def test_shades_the_same_price_alike_in_all_columns(self, owner, ours):
        cheap = make_draft(
            tariff=ours.site.tariff,
            tax_included=False,
            elements=[
                {
                    "price_components": [{"type": "ENERGY", "price": "0.50"}],
                    "restrictions": {"day_of_week": ["MONDAY"]},
                },
                {"price_components": [{"type": "ENERGY", "price": "0.20"}]},
            ],
        )

        response = owner.get(page("tariffversion_compare"), {"v": [ours.site.version.pk, cheap.pk]})

        (alone,), (mixed,) = (column["grids"] for column in response.context["columns"])
        assert alone.days[0][1][0].shade == mixed.days[0][1][0].shade == 6
        assert mixed.days[1][1][0].shade == 1

    def test_is_offered_from_the_list(self, owner, ours, draft):
        chosen = [ours.site.version.pk, draft.pk]

        response = owner.post(
            page("tariffversion_changelist"), {"action": "compare_chosen", "_selected_action": chosen}
        )

        assert response["Location"].startswith(page("tariffversion_compare"))
        assert owner.get(response["Location"]).status_code == 200

    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_needs_two_to_four(self, owner, ours, count):
        versions = [make_draft(tariff=ours.site.tariff).pk for _ in range(count)]

        assert owner.get(page("tariffversion_compare"), {"v": versions}).status_code == 404

    def test_finds_no_version_of_another_tenant(self, owner, ours, theirs):
        versions = [ours.site.version.pk, theirs.site.version.pk]

        assert owner.get(page("tariffversion_compare"), {"v": versions}).status_code == 404

    @pytest.mark.parametrize("wrong", ["x", "0", "99999999999999999999"])
    def test_finds_nothing_by_what_is_no_version(self, owner, ours, wrong):
        assert owner.get(page("tariffversion_compare"), {"v": [ours.site.version.pk, wrong]}).status_code == 404


class TestTheList:
    def test_asks_the_database_as_often_for_many_versions_as_for_few(self, owner, ours, django_assert_max_num_queries):
        for day in range(20):
            make_tariff_version(owner=ours.owner, valid_from=now() + timedelta(days=day))

        with django_assert_max_num_queries(16):
            assert owner.get(page("tariffversion_changelist")).status_code == 200
        with django_assert_max_num_queries(16):
            assert owner.get(page("tariff_changelist")).status_code == 200
