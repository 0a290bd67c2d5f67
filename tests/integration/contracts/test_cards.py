"""Cards are blocked, replaced and imported; what is done twice is done once."""

from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.contracts.card_imports import carry_out, preview
from apps.contracts.cards import CardRefused, block_card, replace_card, retire_card, unblock_card
from apps.contracts.domain.card_files import COLUMNS, read_cards
from apps.contracts.imports import Outcome
from apps.contracts.models import CostCentre, IdToken, Vehicle
from apps.contracts.selectors import find_token
from apps.core.audit import find_violations
from tests.factories import NOON, Site, make_contract, make_cost_centre, make_site, make_token


@pytest.fixture
def site(db) -> Site:
    return make_site()


def verdict(site: Site, uid: str) -> str:
    return find_token(seller_id=site.owner.pk, uid=uid, at=NOON).verdict


class TestBlocking:
    def test_and_unblocking_are_the_same_when_done_twice(self, site):
        for _ in range(2):
            block_card(token_id=site.token.pk)
        assert verdict(site, site.token.uid) == "blocked"

        for _ in range(2):
            unblock_card(token_id=site.token.pk)
        assert verdict(site, site.token.uid) == "valid"

    def test_leaves_a_retired_card_as_it_is(self, site):
        retire_card(token_id=site.token.pk)

        for move in (block_card, unblock_card):
            with pytest.raises(CardRefused, match="is retired"):
                move(token_id=site.token.pk)

        assert IdToken.objects.get(pk=site.token.pk).status == "retired"


class TestReplacing:
    def test_lets_the_new_number_go_on_and_keeps_the_old_card(self, site):
        centre = make_cost_centre(customer=site.customer)
        IdToken.objects.filter(pk=site.token.pk).update(driver="Ada", cost_centre=centre, free_reason="Staff")

        new = replace_card(token_id=site.token.pk, uid=" 04aa ")
        again = replace_card(token_id=site.token.pk, uid="04AA")

        assert new == again
        assert (new.uid, new.contract, new.vehicle, new.driver) == ("04AA", site.contract, site.vehicle, "Ada")
        assert (new.cost_centre, new.free_reason, new.replaces) == (centre, "Staff", site.token)
        assert verdict(site, site.token.uid) == "unknown"
        assert verdict(site, "04AA") == "valid"
        assert not list(find_violations())

    def test_by_a_number_that_is_taken_changes_nothing(self, site):
        other = make_token(contract=make_contract(customer=site.customer))

        with pytest.raises(CardRefused, match="in another contract already"):
            replace_card(token_id=site.token.pk, uid=other.uid)

        assert verdict(site, site.token.uid) == "valid"
        assert IdToken.objects.count() == 2

    def test_of_a_retired_card_is_refused(self, site):
        retire_card(token_id=site.token.pk)

        with pytest.raises(CardRefused, match="retired"):
            replace_card(token_id=site.token.pk, uid="04AA")


@pytest.mark.django_db(transaction=True)
class TestReplacingAtOnce:
    def test_by_two_people_gives_one_successor(self):
        site, barrier, results = make_site(), Barrier(2), []

        def replace(uid: str) -> None:
            barrier.wait(timeout=10)
            try:
                results.append(replace_card(token_id=site.token.pk, uid=uid).uid)
            except CardRefused as refusal:
                results.append(str(refusal)[:4])
            finally:
                connections.close_all()

        threads = [Thread(target=replace, args=(uid,)) for uid in ("04AA", "04BB")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert sorted(results) in (["04AA", "Card"], ["04BB", "Card"])
        assert IdToken.objects.filter(replaces=site.token).count() == 1


def file(*lines: str):
    return read_cards("\n".join([",".join(COLUMNS), *lines]).encode()).rows


class TestImporting:
    def test_says_of_each_line_what_comes_of_it_and_writes_nothing(self, site):
        other = make_contract(customer=site.customer, number="V-OTHER")
        ended = make_contract(customer=site.customer, number="V-ENDED", status="ended")
        taken = make_token(contract=other)
        number = site.contract.number

        outcomes = preview(
            seller_id=site.owner.pk,
            rows=file(
                f"04A1B2C3,{number},Ada,B-NEW 1,4711 Sales,,,",
                f"{site.token.uid},{number},,,,,,",
                f"{taken.uid},{number},,,,,,",
                f"AA,{ended.number},,,,,,",
                "BB,V-NONE,,,,,,",
            ),
            seen=(),
        )

        assert [(one.outcome, one.words) for one in outcomes] == [
            (Outcome.NEW, f"Added to {site.contract}."),
            (Outcome.THERE, "In this contract already; it stays as it is."),
            (Outcome.REFUSED, f"Card {taken.uid} is in contract V-OTHER: retire it there first."),
            (Outcome.REFUSED, f"Contract {ended} has ended."),
            (Outcome.REFUSED, "You have no contract V-NONE."),
        ]
        assert IdToken.objects.count() == 2
        assert Vehicle.objects.count() == 1

    def test_adds_what_can_be_with_its_vehicle_and_cost_centre_once(self, site):
        rows = file(
            f"04A1B2C3,{site.contract.number},Ada,B-NEW 1,4711 Sales,2026-12-01,2026-12-31,Staff",
            f"04A1B2C4,{site.contract.number},Bob,B-NEW 1,4711,,,",
            "BB,V-NONE,,,,,,",
        )

        first = carry_out(seller_id=site.owner.pk, rows=rows)
        again = carry_out(seller_id=site.owner.pk, rows=rows)

        card = IdToken.objects.get(uid="04A1B2C3")
        assert [one.outcome for one in first] == ["new", "new", "refused"]
        assert [one.outcome for one in again] == ["there", "there", "refused"]
        assert (card.driver, str(card.vehicle), str(card.cost_centre)) == ("Ada", "B-NEW 1", "4711 Sales")
        assert card.free_reason == "Staff"
        # Midnight in Berlin is 23:00 UTC in winter; the last day is included.
        assert card.valid_from == datetime(2026, 11, 30, 23, tzinfo=UTC)
        assert card.valid_to == datetime(2026, 12, 31, 23, tzinfo=UTC)
        assert CostCentre.objects.count() == 1
        assert Vehicle.objects.filter(plate="B-NEW 1").count() == 1

    def test_suggests_the_order_of_bytes_that_a_station_sent(self, site):
        rows = file(f"04A1B2C3,{site.contract.number},,,,,,", f"CC00CC01,{site.contract.number},,,,,,")
        seen = {"C3B2A104", "CC00CC01", "01CC00CC"}

        suggested = preview(seller_id=site.owner.pk, rows=rows, seen=seen)
        carry_out(seller_id=site.owner.pk, rows=rows, turned={rows[0].line}, seen=seen)

        # Of the second both orders were seen: then the file is believed.
        assert [one.turned for one in suggested] == ["C3B2A104", ""]
        assert set(IdToken.objects.exclude(pk=site.token.pk).values_list("uid", flat=True)) == {"C3B2A104", "CC00CC01"}

    def test_refuses_one_card_in_both_orders(self, site):
        rows = file(f"04A1B2C3,{site.contract.number},,,,,,", f"C3B2A104,{site.contract.number},,,,,,")

        outcomes = carry_out(seller_id=site.owner.pk, rows=rows, turned={rows[0].line})

        assert [one.outcome for one in outcomes] == ["new", "refused"]

    def test_never_finds_another_sellers_contract(self, site):
        stranger = make_site()

        (one,) = carry_out(seller_id=site.owner.pk, rows=file(f"AA,{stranger.contract.number},,,,,,"))

        assert one.outcome == "refused"
        assert not IdToken.objects.filter(uid="AA").exists()


@pytest.mark.django_db(transaction=True)
class TestImportingAtOnce:
    def test_adds_each_card_once(self):
        site, barrier, counts = make_site(), Barrier(2), []
        rows = file(*(f"IMPORT{n:04},{site.contract.number},,B-NEW {n % 3},4711,,," for n in range(30)))

        def run() -> None:
            barrier.wait(timeout=10)
            try:
                done = carry_out(seller_id=site.owner.pk, rows=rows)
                counts.append(sum(one.outcome is Outcome.NEW for one in done))
            finally:
                connections.close_all()

        threads = [Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert sorted(counts) == [0, 30]
        assert IdToken.objects.filter(uid__startswith="IMPORT").count() == 30
