"""A contract's document is offered by mail, accepted as the exact file it is, and frozen."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.contracts.contract_sheets import Wanted
from apps.contracts.domain.versions import VersionKind
from apps.contracts.models import AgreedTariff, Contract, ContractPlan, ContractVersion, TariffAssignment
from apps.contracts.offers import (
    OfferRefused,
    accept_version,
    offer_token,
    offer_version,
    prepare_version,
    version_of,
    withdraw_version,
)
from apps.contracts.suspending import NotSuspended, end_contract, suspend_contract
from apps.core.audit import find_violations
from apps.documents.models import Document, Mail
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.sessions import services as sessions
from tests.factories import (
    NOON,
    Site,
    assign_tariff,
    give_plan,
    make_contract,
    make_group,
    make_plan,
    make_site,
    make_tariff,
    make_tariff_version,
    make_template,
    make_user,
)
from tests.integration.sessions.conftest import Wire
from tests.refusals import refused_by, run_sql

# 1 June 2026 at noon UTC is NOON; Berlin's 1 July begins on 30 June at 22:00 UTC.
JULY = date(2026, 7, 1)
JULY_BEGINS = datetime(2026, 6, 30, 22, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = NOON + DAY


def make_offered_site() -> Site:
    """Make a site whose contract waits for acceptance."""
    site = make_site()
    run_sql("UPDATE contracts_contract SET status = 'offered' WHERE id = %s", site.contract.pk)
    site.contract.refresh_from_db()
    return site


@pytest.fixture
def site(db) -> Site:
    return make_offered_site()


def wanted(site: Site, **fields) -> Wanted:
    values = {
        "kind": VersionKind.ORIGINAL,
        "template": make_template(seller=site.owner),
        "first_day": JULY,
        "end_day": date(2027, 7, 1),
        "renews_months": 12,
        "notice_days": 30,
    }
    return Wanted(**{**values, **fields})


def draft(site: Site, **fields) -> ContractVersion:
    return prepare_version(contract_id=site.contract.pk, wanted=wanted(site, **fields), at=NOON, by=make_user())


def offer(site: Site, **fields) -> ContractVersion:
    return offer_version(version_id=draft(site, **fields).pk, at=NOON, by=make_user())


def accept(version: ContractVersion, **fields) -> ContractVersion:
    values = {"name": " Ada  Example ", "document_hash": version.document_hash, "address": "203.0.113.7", "at": LATER}
    return accept_version(version_id=version.pk, **{**values, **fields})


class TestAnOfferedContract:
    def test_lets_no_card_charge_and_is_not_billed(self, site):
        give_plan(contract=site.contract, first_day=date(2026, 5, 1), base_fee="30.00")
        offer(site)

        run = run_billing(seller_id=site.owner.pk, until_date=date(2026, 5, 31), at=NOON)

        assert sessions.authorise(token=site.token.uid, station_id=site.station.pk, at=NOON) == "Expired"
        assert Wire(site).begin().status == "Expired"
        assert (run.contracts_total, Invoice.objects.count()) == (0, 0)

    def test_is_neither_blocked_nor_ended_nor_started_without_acceptance(self, site):
        with pytest.raises(NotSuspended, match="not accepted yet"):
            suspend_contract(contract_id=site.contract.pk, cause="manual", reason="x", at=NOON)
        with pytest.raises(NotSuspended, match="not accepted yet"):
            end_contract(contract_id=site.contract.pk, at=NOON)
        for status in ("active", "suspended", "ended"):
            with refused_by("an offered contract begins by acceptance alone", Contract):
                run_sql("UPDATE contracts_contract SET status = %s WHERE id = %s", status, site.contract.pk)

    def test_is_offered_by_mail_once_with_the_document_and_a_link(self, site):
        version = draft(site)

        for _ in range(2):
            offer_version(version_id=version.pk, at=NOON, by=make_user())

        mail = Mail.objects.get()
        assert (mail.recipient, mail.attachment_key) == (site.customer.email, version.document.key)
        assert "until the end of 01 Jul 2026" in mail.body
        # The token holds the second in which it was signed, so it is read from the mail, not made again.
        token = mail.body.split("/portal/offers/")[1].split("/")[0]
        assert version_of(token, at=LATER) == version

    @pytest.mark.parametrize(
        ("language", "subject"), [("fr", "à accepter"), ("nl", "om te aanvaarden"), ("de", "zur Annahme")]
    )
    def test_is_offered_in_the_customers_language(self, site, language, subject):
        site.customer.language = language
        site.customer.save()

        offer(site)

        assert subject in Mail.objects.get().subject

    @pytest.mark.parametrize("token", ["", "x", "WzEsImEiXQ:1x:y"])
    def test_is_not_found_by_a_forged_link(self, site, token):
        offer(site)

        assert version_of(token, at=LATER) is None

    def test_is_found_by_its_link_until_a_month_after_it_is_over(self, site):
        token = offer_token(offer(site))
        over = datetime(2026, 7, 1, 22, tzinfo=UTC) + timedelta(days=30)

        assert version_of(token, at=over - timedelta(seconds=1)) is not None
        assert version_of(token, at=over) is None

    def test_is_no_offer_while_it_is_drafted(self, site):
        assert version_of(offer_token(draft(site)), at=LATER) is None


class TestAccepting:
    def test_begins_the_contract_on_its_first_day_with_plan_and_tariff(self, site):
        plan = make_plan(seller=site.owner, base_fee="30.00")

        version = accept(offer(site, plan=plan, tariff=site.tariff))

        site.contract.refresh_from_db()
        row = ContractPlan.objects.get(contract=site.contract)
        assignment = TariffAssignment.objects.get(contract=site.contract)
        assert (version.status, version.accepted_name, version.accepted_at) == ("accepted", "Ada Example", LATER)
        assert (version.accepted_address, version.accepted_hash) == ("203.0.113.7", version.document_hash)
        assert (site.contract.status, site.contract.valid_from) == ("active", JULY_BEGINS)
        assert site.contract.valid_to == datetime(2027, 6, 30, 22, tzinfo=UTC)
        assert (row.plan, row.first_day, row.end_day) == (plan, JULY, date(2027, 7, 1))
        assert (assignment.tariff, assignment.valid_from) == (site.tariff, JULY_BEGINS)
        for at, answer in ((JULY_BEGINS - timedelta(seconds=1), "Expired"), (JULY_BEGINS, "Accepted")):
            assert sessions.authorise(token=site.token.uid, station_id=site.station.pk, at=at) == answer
        # Here nobody sends mails (I11).
        assert not [found for found in find_violations() if found.invariant != "I11"]

    def test_on_its_first_day_begins_at_that_moment(self, site):
        version = offer(site, first_day=date(2026, 6, 1))

        accept(version, at=NOON + timedelta(minutes=5))

        site.contract.refresh_from_db()
        assert site.contract.valid_from == NOON + timedelta(minutes=5)

    def test_tells_both_sides_with_the_copy_once_however_often_it_is_done(self, site):
        version = offer(site)

        first = accept(version)
        again = accept(version, name="Somebody else", at=LATER + timedelta(days=1))

        told = Mail.objects.filter(subject__contains="is accepted")
        assert again.accepted_name == first.accepted_name
        assert sorted(told.values_list("recipient", flat=True)) == sorted([site.customer.email, site.owner.email])
        assert {mail.attachment_key for mail in told} == {version.document.key}
        assert all(version.document_hash in mail.body for mail in told)

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"document_hash": "0" * 64}, "not the document"),
            ({"name": "  "}, "who accepts"),
            # Berlin's 2 July begins on 1 July at 22:00 UTC.
            ({"at": datetime(2026, 7, 1, 22, tzinfo=UTC)}, "first day has passed"),
        ],
    )
    def test_is_refused_and_changes_nothing(self, site, fields, says):
        version = offer(site)

        with pytest.raises(OfferRefused, match=says):
            accept(version, **fields)

        site.contract.refresh_from_db()
        version.refresh_from_db()
        assert (site.contract.status, version.status) == ("offered", "offered")
        assert Mail.objects.count() == 1

    def test_of_a_withdrawn_offer_is_refused(self, site):
        version = offer(site)
        withdraw_version(version_id=version.pk, at=NOON)

        with pytest.raises(OfferRefused, match="withdrawn"):
            accept(version)

    def test_leaves_an_accepted_version_to_be_withdrawn_by_nobody(self, site):
        version = accept(offer(site))

        with pytest.raises(OfferRefused, match="was accepted by Ada Example"):
            withdraw_version(version_id=version.pk, at=LATER)


class TestAmending:
    def test_gives_a_new_plan_and_tariff_from_its_first_day_and_ends_the_old(self, db):
        site = make_site()
        old = give_plan(contract=site.contract, first_day=date(2026, 1, 1), name="Old")
        new, tariff = make_plan(seller=site.owner, name="New"), make_tariff(owner=site.owner)
        make_tariff_version(tariff=tariff)
        before = TariffAssignment.objects.create(
            seller=site.owner, tariff=site.tariff, contract=site.contract, valid_from=NOON - timedelta(days=9)
        )

        accept(offer(site, kind=VersionKind.AMENDMENT, plan=new, tariff=tariff, end_day=None, renews_months=0))

        old.refresh_from_db()
        before.refresh_from_db()
        site.contract.refresh_from_db()
        assert (old.end_day, before.valid_to) == (JULY, JULY_BEGINS)
        assert ContractPlan.objects.get(plan=new).end_day is None
        assert TariffAssignment.objects.get(contract=site.contract, valid_to=None).tariff == tariff
        assert site.contract.status == "active"
        assert site.contract.valid_from < NOON

    def test_gives_a_groups_tariff_and_leaves_what_applies_everywhere(self, db):
        site = make_site()
        group = make_group(site.location)
        everywhere = assign_tariff(tariff=site.tariff, contract=site.contract)
        before = assign_tariff(tariff=site.tariff, contract=site.contract, group=group)
        night = make_tariff_version(owner=site.owner).tariff

        version = accept(offer(site, kind=VersionKind.AMENDMENT, group_tariffs=((group, night),)))

        everywhere.refresh_from_db()
        before.refresh_from_db()
        assert (everywhere.valid_to, before.valid_to) == (None, JULY_BEGINS)
        assert TariffAssignment.objects.get(group=group, valid_to=None).tariff == night
        with refused_by("a version that was offered gives no further tariff", AgreedTariff):
            AgreedTariff.objects.create(version=version, group=make_group(seller=site.owner), tariff=night)
        with refused_by("tariffs that a version gives are never changed or deleted", AgreedTariff):
            run_sql("DELETE FROM contracts_agreedtariff")

    def test_is_refused_where_another_tariff_was_agreed_on_at_the_group_meanwhile(self, db):
        site = make_site()
        group = make_group(site.location)
        version = offer(site, kind=VersionKind.AMENDMENT, group_tariffs=((group, site.tariff),))
        assign_tariff(tariff=site.tariff, contract=site.contract, group=group, valid_from=JULY_BEGINS + DAY)

        with pytest.raises(OfferRefused, match="Another tariff was agreed on meanwhile"):
            accept(version)

        assert TariffAssignment.objects.filter(contract=site.contract).count() == 1

    def test_lets_the_plan_go_on_where_it_only_ended_with_the_term(self, site):
        plan = make_plan(seller=site.owner)
        accept(offer(site, plan=plan))

        accept(offer(site, kind=VersionKind.AMENDMENT, end_day=None, renews_months=0))

        site.contract.refresh_from_db()
        assert ContractPlan.objects.get(contract=site.contract).end_day is None
        assert site.contract.valid_to is None
        assert list(ContractVersion.objects.values_list("number", flat=True).order_by("number")) == [1, 2]


class TestTheDatabase:
    def test_refuses_to_change_or_delete_what_was_agreed(self, site):
        version = accept(offer(site))

        for sql in (
            "UPDATE contracts_contractversion SET first_day = first_day + 1 WHERE id = %s",
            "UPDATE contracts_contractversion SET accepted_name = 'X' WHERE id = %s",
            "UPDATE contracts_contractversion SET status = 'offered' WHERE id = %s",
            "UPDATE contracts_contractversion SET content = '{}' WHERE id = %s",
            "DELETE FROM contracts_contractversion WHERE id = %s",
        ):
            with refused_by("frozen", ContractVersion):
                run_sql(sql, version.pk)
        run_sql("UPDATE contracts_contractversion SET accepted_address = NULL WHERE id = %s", version.pk)

    def test_refuses_the_acceptance_of_another_file(self, site):
        version = offer(site)

        with refused_by("version_accepted_is_the_exact_document", ContractVersion):
            run_sql(
                "UPDATE contracts_contractversion SET status = 'accepted', accepted_at = now(), accepted_name = 'X', "
                "accepted_hash = %s WHERE id = %s",
                "0" * 64,
                version.pk,
            )

    def test_refuses_a_second_open_version(self, site):
        version = draft(site)
        version.pk, version.number, version._state.adding = None, 2, True

        with refused_by("version_one_open_per_contract", ContractVersion):
            version.save()

    def test_refuses_another_sellers_document(self, site):
        other = draft(make_offered_site())
        other.pk, other.contract, other._state.adding = None, site.contract, True

        with refused_by("somebody else", ContractVersion):
            other.save()

    def test_refuses_an_acceptance_without_a_name(self, site):
        version = offer(site)

        with refused_by("version_times_match_its_status", ContractVersion):
            run_sql(
                "UPDATE contracts_contractversion SET status = 'accepted', accepted_at = now(), "
                "accepted_hash = document_hash WHERE id = %s",
                version.pk,
            )


class TestTheAudit:
    def test_finds_contracts_that_are_not_what_was_accepted(self, site):
        began = site.contract
        offer(site)
        waits = make_offered_site()
        version = accept(offer(waits))
        run_sql("SET LOCAL session_replication_role = replica")  # the triggers refuse it
        run_sql("UPDATE contracts_contract SET status = 'active' WHERE id = %s", began.pk)
        run_sql("UPDATE contracts_contract SET status = 'offered' WHERE id = %s", waits.contract.pk)
        run_sql("UPDATE documents_document SET sha256 = %s WHERE id = %s", "0" * 64, version.document_id)
        run_sql("SET LOCAL session_replication_role = DEFAULT")

        found = {(one.subject, one.problem) for one in find_violations() if one.invariant == "I19"}

        assert found == {
            (f"contract {began.pk}", "began without the acceptance of its first document"),
            (f"contract {waits.contract.pk}", "waits for acceptance and has an accepted version"),
            (f"version {version.pk}", "its document is another file than the one that was offered"),
        }


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_accepting_and_withdrawing_leave_one_of_both(self):
        site, barrier, done = make_offered_site(), Barrier(3), []
        version = offer(site)

        def run(act) -> None:
            barrier.wait(timeout=10)
            try:
                done.append(act().status)
            except OfferRefused:
                done.append("refused")
            finally:
                connections.close_all()

        acts = [
            lambda: accept(version),
            lambda: accept(version, name="Bob"),
            lambda: withdraw_version(version_id=version.pk, at=LATER),
        ]
        threads = [Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        version.refresh_from_db()
        site.contract.refresh_from_db()
        assert len(done) == 3
        if version.status == "accepted":
            assert sorted(done) == ["accepted", "accepted", "refused"]
            assert site.contract.status == "active"
        else:
            assert sorted(done) == ["refused", "refused", "withdrawn"]
            assert site.contract.status == "offered"

    def test_two_drafts_are_one(self):
        site, barrier, done = make_offered_site(), Barrier(2), []
        asked = wanted(site)

        def run() -> None:
            barrier.wait(timeout=10)
            try:
                done.append(prepare_version(contract_id=site.contract.pk, wanted=asked, at=NOON, by=make_user()).number)
            except OfferRefused:
                done.append(0)
            finally:
                connections.close_all()

        threads = [Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        assert sorted(done) == [0, 1]
        assert ContractVersion.objects.count() == Document.objects.count() == 1


def test_a_new_contract_of_the_customer_is_its_own_story(site):
    other = make_contract(customer=site.customer)
    accept(offer(site))

    other.refresh_from_db()
    assert other.status == "active"
