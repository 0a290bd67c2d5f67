"""A billing run that somebody looks at: drafts, comparison, holds, and what is let go."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from apps.core import clock
from apps.core.audit import find_violations
from apps.documents.models import Mail
from apps.invoices.comparing import compare, corrections_of
from apps.invoices.domain.comparison import Remark
from apps.invoices.errors import DraftOutdated, HoldRefused, RunRefused
from apps.invoices.models import BillingHold, BillingRun, Invoice
from apps.invoices.services import billing, holding
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.invoices.services.issuing import issue_invoice
from apps.ledger.models import Journal
from apps.sessions.models import Cdr
from apps.sessions.services.rating import repeat_cdr
from tests.factories import give_plan, make_contract, make_customer, make_token, make_user
from tests.integration.invoices.world import APRIL, END_OF_MARCH, bill, make_cdr, revise

pytestmark = pytest.mark.django_db
MAY = APRIL + timedelta(days=30)
END_OF_APRIL = date(2026, 4, 30)


@pytest.fixture
def clerk(db):
    return make_user()


def drafted(site, *, until=END_OF_MARCH, at=APRIL) -> BillingRun:
    run = billing.start_run(seller_id=site.owner.pk, until_date=until, is_reviewed=True, at=at)
    return billing.carry_on(run_id=run.pk, at=at)


def let_go(run: BillingRun, *, by=None, at=APRIL) -> BillingRun:
    billing.approve_run(run_id=run.pk, by=by, at=at)
    return billing.carry_on(run_id=run.pk, at=at)


def issued(run: BillingRun) -> list[Invoice]:
    return list(run.invoices.filter(status="issued").order_by("pk"))


def of_another_contract(site, **fields) -> Cdr:
    contract = make_contract(customer=make_customer(seller=site.owner))
    return make_cdr(site=site, contract=contract, token=make_token(contract=contract), vehicle=None, **fields)


class TestARunUnderReview:
    def test_drafts_and_issues_nothing_until_it_is_let_go(self, site, clerk):
        make_cdr(site=site)
        of_another_contract(site)

        run = drafted(site)
        before = (run.status, Invoice.objects.filter(status="issued").count(), Journal.objects.count())
        done = let_go(run, by=clerk)

        assert before == ("drafted", 0, 0)
        assert (done.status, done.contracts_done, done.contracts_total) == ("done", 2, 2)
        assert [invoice.issued_by for invoice in issued(done)] == [clerk, clerk]
        assert [violation for violation in find_violations() if violation.invariant.startswith("I5")] == []

    def test_leaves_what_comes_meanwhile_to_the_next_run(self, site):
        make_cdr(site=site)
        run = drafted(site)
        late = make_cdr(site=site)

        done = let_go(run)

        (invoice,) = issued(done)
        assert invoice.lines.count() == 1
        (next_one,) = bill(site)
        assert next_one.lines.get().cdr == late

    def test_does_not_issue_a_plan_that_has_changed_since_it_was_looked_at(self, site):
        plan = give_plan(contract=site.contract, first_day=date(2026, 3, 1), name="Base", base_fee="31.00")
        run = drafted(site)
        plan.end_day = date(2026, 3, 11)
        plan.save()

        waits = let_go(run)

        assert (waits.status, issued(waits)) == ("drafted", [])
        assert "The plan of" in waits.problems[0]
        assert "has changed since it was drafted" in waits.problems[0]
        done = let_go(billing.carry_on(run_id=billing.draft_again(run_id=run.pk, at=APRIL).pk, at=APRIL))
        assert [invoice.net.amount for invoice in issued(done)] == [Decimal("10.00")]

    def test_does_not_issue_what_has_changed_since_it_was_looked_at(self, site):
        cdr = make_cdr(site=site)
        of_another_contract(site)
        run = drafted(site)
        repeat_cdr(cdr_id=cdr.pk, reason="told later", at=APRIL)

        again = let_go(run)

        assert (again.status, again.approved_at, len(issued(again))) == ("drafted", None, 1)
        assert again.problems[0].startswith(f"{site.contract.number}: {cdr.session} has changed since it was drafted.")
        billing.draft_again(run_id=run.pk, at=APRIL)
        billing.carry_on(run_id=run.pk, at=APRIL)
        assert let_go(run).status == "done"
        assert len(issued(run)) == 2

    def test_is_carried_on_wherever_it_was_killed_and_twice_without_harm(self, site):
        make_cdr(site=site)
        run = drafted(site)
        first = [draft.pk for draft in run.invoices.all()]

        billing.carry_on(run_id=run.pk, at=APRIL)
        billing.approve_run(run_id=run.pk, by=None, at=APRIL)
        issue_invoice(invoice_id=first[0], issued_at=APRIL)  # as a worker that died right after
        done = billing.carry_on(run_id=run.pk, at=APRIL)
        again = billing.carry_on(run_id=run.pk, at=MAY)

        assert (done.status, again.ended_at) == ("done", APRIL)
        assert Invoice.objects.count() == 1

    def test_that_was_looked_at_is_not_drafted_over_by_a_worker_that_is_late(self, site, monkeypatch):
        make_cdr(site=site)
        run = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=APRIL)
        begin = billing._contracts_with_work

        def looked_at_meanwhile(*args, **kwargs):
            contracts = begin(*args, **kwargs)
            monkeypatch.setattr(billing, "_contracts_with_work", begin)
            billing.carry_on(run_id=run.pk, at=APRIL)
            make_cdr(site=site)
            billing.approve_run(run_id=run.pk, by=None, at=APRIL)
            return contracts

        monkeypatch.setattr(billing, "_contracts_with_work", looked_at_meanwhile)
        late = billing.carry_on(run_id=run.pk, at=APRIL)

        assert (late.status, late.approved_at) == ("running", APRIL)
        assert run.invoices.get().lines.count() == 1
        assert billing.carry_on(run_id=run.pk, at=APRIL).status == "done"

    def test_that_takes_long_is_not_taken_for_one_that_nobody_carries_out(self, site, monkeypatch):
        make_cdr(site=site)
        run = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=APRIL)
        seen = []
        end = billing._end

        def after_ten_minutes(*args, **kwargs):
            seen.append(billing.stalled_run_ids(at=clock.now()))
            return end(*args, **kwargs)

        monkeypatch.setattr(billing, "_end", after_ten_minutes)
        billing.carry_on(run_id=run.pk, at=APRIL)

        assert seen == [[]]

    def test_is_found_when_nobody_carries_it_out_any_more(self, site):
        run = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=APRIL)

        early = billing.stalled_run_ids(at=APRIL + timedelta(minutes=1))
        late = billing.stalled_run_ids(at=APRIL + timedelta(minutes=5))

        assert (early, late) == ([], [run.pk])

    def test_keeps_other_runs_of_its_seller_away(self, site):
        make_cdr(site=site)
        run = drafted(site)

        with pytest.raises(RunRefused, match="is not finished"):
            billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_APRIL, at=MAY)
        assert billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=MAY) == run

    def test_is_refused_in_words_while_another_run_is_at_work(self, site):
        begun = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=False, at=APRIL)

        for until in (END_OF_MARCH, date(2026, 3, 30)):
            with pytest.raises(RunRefused, match="run until 2026-03-31 is still at work"):
                billing.start_run(seller_id=site.owner.pk, until_date=until, is_reviewed=True, at=APRIL)
        assert BillingRun.objects.get() == begun

    def test_given_up_throws_its_drafts_away_and_bills_them_another_time(self, site):
        make_cdr(site=site)
        run = drafted(site)

        given_up = billing.give_up_run(run_id=run.pk, at=APRIL)

        assert (given_up.status, Invoice.objects.count()) == ("done", 0)
        assert len(bill(site)) == 1

    @pytest.mark.parametrize("decide", [billing.draft_again, billing.give_up_run])
    def test_that_is_done_is_decided_no_more(self, site, decide):
        make_cdr(site=site)
        run = let_go(drafted(site))

        with pytest.raises(RunRefused):
            decide(run_id=run.pk, at=MAY)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"is_reviewed": False}, "run_is_approved_where_it_is_reviewed"),
            ({"approved_at": APRIL}, "run_is_drafted_until_it_is_approved"),
        ],
    )
    def test_is_refused_by_the_database_where_it_contradicts_itself(self, site, change, says):
        run = drafted(site)

        with pytest.raises(IntegrityError, match=says), transaction.atomic():
            BillingRun.objects.filter(pk=run.pk).update(**change)


class TestACorrectionUnderReview:
    """Billed: 20 kWh, 10 by day and 10 by night, 4.90 + 2.90 = 7.80. Read again: 10 kWh, 2.45 + 1.45 = 3.90."""

    @pytest.fixture
    def revised(self, site) -> Cdr:
        cdr = make_cdr(site=site)
        bill(site)
        return revise(cdr, kwh="10")

    def test_credits_when_it_is_let_go_and_not_before(self, site, revised, clerk):
        run = drafted(site)
        before = Invoice.objects.filter(kind="credit_note").exists()
        (correction,) = corrections_of(run)
        draft = run.invoices.get()

        with pytest.raises(DraftOutdated, match="Let its billing run go"):
            issue_invoice(invoice_id=draft.pk, issued_at=APRIL)
        done = let_go(run, by=clerk)

        assert (before, correction.amount, correction.reason) == (False, Decimal("7.80"), "Meter was read again")
        assert [(one.kind, one.net.amount) for one in issued(done)] == [
            ("invoice", Decimal("3.90")),
            ("credit_note", Decimal("-7.80")),
        ]
        assert (issued(done)[1].credits, issued(done)[0].lines.get().cdr) == (correction.invoice, revised)
        assert bill(site) == []
        assert [found for found in find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7", "I13"}] == []

    def test_given_up_has_credited_nothing(self, site, revised):
        billing.give_up_run(run_id=drafted(site).pk, at=APRIL)

        assert [invoice.status for invoice in Invoice.objects.all()] == ["issued"]
        note, invoice = bill(site)
        assert (note.net.amount, invoice.net.amount) == (Decimal("-7.80"), Decimal("3.90"))

    def test_corrected_again_meanwhile_credits_nothing_and_is_named(self, site, revised):
        run = drafted(site)
        revise(revised, kwh="5")

        again = let_go(run)

        assert (again.status, issued(again)) == ("drafted", [])
        assert "has changed since it was drafted" in again.problems[0]
        assert not Invoice.objects.filter(kind="credit_note").exists()

    def test_held_leaves_what_is_billed_as_it_is(self, site, revised, clerk):
        run = drafted(site)

        holding.hold_session(session_id=revised.session_id, reason="Customer asks", by=clerk, at=APRIL)

        assert (let_go(run).status, Invoice.objects.count()) == ("done", 1)

    def test_to_nothing_is_listed_for_what_it_corrects(self, site, revised):
        revise(revised, kwh="0")
        run = drafted(site)

        done = let_go(run)

        assert [one.net.amount for one in issued(done)] == [0, Decimal("-7.80")]


class TestWhatStandsOut:
    def test_comes_first_beside_what_was_billed_last(self, site):
        """March: 20 kWh each; April: 100 kWh of one contract, the same of another, a new one, one without."""
        make_cdr(site=site)
        usual, gone = of_another_contract(site), of_another_contract(site)
        bill(site)
        later = {"started_at": APRIL + timedelta(days=9, hours=14)}
        make_cdr(site=site, kwh="100", **later)
        contract = usual.session.contract
        make_cdr(site=site, contract=contract, token=contract.tokens.get(), vehicle=None, **later)
        new = of_another_contract(site, **later)

        rows = compare(drafted(site, until=END_OF_APRIL, at=MAY))

        found = {row.contract: row.remark for row in rows}
        assert found == {
            gone.session.contract: Remark.MISSING,
            site.contract: Remark.MUCH_MORE,
            new.session.contract: Remark.NEW,
            contract: Remark.USUAL,
        }
        assert rows[0].remark == Remark.MISSING
        more = next(row for row in rows if row.contract == site.contract)
        assert (more.now.sessions, more.now.energy_milliwh, more.before.energy_milliwh) == (1, 100_000_000, 20_000_000)
        assert more.change == int(
            ((more.now.net - more.before.net) / more.before.net * 100).quantize(Decimal(1), rounding="ROUND_HALF_UP")
        )


class TestAHold:
    def test_keeps_a_session_off_its_draft_and_off_every_run_until_it_is_let_go(self, site, clerk):
        held, other = make_cdr(site=site), make_cdr(site=site)
        run = drafted(site)

        hold = holding.hold_session(session_id=held.session_id, reason="Customer asks", by=clerk, at=APRIL)
        done = let_go(run)
        nothing = bill(site)
        holding.release_hold(hold_id=hold.pk, by=clerk, at=MAY)
        (later,) = bill(site, at=MAY)

        assert [line.cdr for invoice in issued(done) for line in invoice.lines.all()] == [other]
        assert nothing == []
        assert later.lines.get().cdr == held

    def test_of_a_contract_throws_its_drafts_away_and_leaves_the_others(self, site, clerk):
        make_cdr(site=site)
        other = of_another_contract(site)
        run = drafted(site)

        holding.hold_contract(contract_id=site.contract.pk, reason="In talks", by=clerk, at=APRIL)
        done = let_go(run)

        assert [invoice.contract for invoice in issued(done)] == [other.session.contract]
        assert bill(site) == []

    def test_while_the_drafts_go_out_adds_nothing_that_nobody_looked_at(self, site, clerk):
        held, _ = make_cdr(site=site), make_cdr(site=site)
        run = drafted(site)
        make_cdr(site=site)
        billing.approve_run(run_id=run.pk, by=clerk, at=APRIL)

        holding.hold_session(session_id=held.session_id, reason="Customer asks", by=clerk, at=APRIL)

        assert not run.invoices.exists()
        assert billing.carry_on(run_id=run.pk, at=APRIL).status == "done"

    def test_made_twice_is_one(self, site, clerk):
        cdr = make_cdr(site=site)
        holds = [
            holding.hold_session(session_id=cdr.session_id, reason=reason, by=clerk, at=APRIL) for reason in ("a", "b")
        ]

        assert holds[0] == holds[1]
        assert BillingHold.objects.get().reason == "a"

    def test_stops_a_draft_that_somebody_issues_by_hand(self, site, clerk):
        make_cdr(site=site)
        draft = drafted(site).invoices.get()
        BillingHold.objects.create(
            seller=site.owner, contract=site.contract, reason="late", held_at=APRIL, held_by=clerk
        )

        with pytest.raises(DraftOutdated, match="held"):
            issue_invoice(invoice_id=draft.pk, issued_at=APRIL)

    def test_of_what_is_billed_already_is_refused(self, site, clerk):
        cdr = make_cdr(site=site)
        bill(site)

        with pytest.raises(HoldRefused, match="credit its line"):
            holding.hold_session(session_id=cdr.session_id, reason="late", by=clerk, at=APRIL)

    def test_of_what_is_billed_and_credited_in_part_is_refused_and_credited_in_full_is_not(self, site, clerk):
        """20 kWh by night and day; 1.00 is credited, then the rest."""
        cdr = make_cdr(site=site)
        (invoice,) = bill(site)
        line = invoice.lines.get()
        credit_amounts(invoice_id=invoice.pk, amounts={line.pk: Decimal("1.00")}, reason="Goodwill", at=APRIL, by=clerk)

        with pytest.raises(HoldRefused, match="credit its line"):
            holding.hold_session(session_id=cdr.session_id, reason="late", by=clerk, at=APRIL)

        credit_invoice(invoice_id=invoice.pk, reason="Wrong buyer", at=APRIL, by=clerk)
        assert (
            holding.hold_session(session_id=cdr.session_id, reason="In talks", by=clerk, at=APRIL).released_at is None
        )

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_without_a_reason_is_refused(self, site, clerk, reason):
        with pytest.raises(HoldRefused, match="Say why"):
            holding.hold_contract(contract_id=site.contract.pk, reason=reason, by=clerk, at=APRIL)

    def test_once_released_is_history(self, site, clerk):
        hold = holding.hold_contract(contract_id=site.contract.pk, reason="In talks", by=clerk, at=APRIL)
        holding.release_hold(hold_id=hold.pk, by=clerk, at=MAY)

        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            BillingHold.objects.update(reason="another")

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"reason": ""}, "hold_has_a_reason"),
            ({"contract": None}, "hold_is_of_a_session_or_a_contract"),
            ({"released_at": APRIL - timedelta(days=1)}, "hold_is_released_after_it_is_made"),
        ],
    )
    def test_is_refused_by_the_database_where_it_means_nothing(self, site, clerk, fields, says):
        values = {"seller": site.owner, "contract": site.contract, "reason": "x", "held_at": APRIL, "held_by": clerk}

        with pytest.raises(IntegrityError, match=says), transaction.atomic():
            BillingHold.objects.create(**values | fields)


class TestAnIssuedDocument:
    @pytest.mark.parametrize(("language", "subject"), [("en", "Invoice"), ("de", "Rechnung"), ("nl", "Factuur")])
    def test_is_mailed_with_its_file_to_who_wants_that(self, site, language, subject):
        site.customer.mails_documents, site.customer.language = True, language
        site.customer.save()
        make_cdr(site=site)

        (invoice,) = bill(site)

        mail = Mail.objects.get()
        assert mail.recipient == site.customer.email
        assert mail.subject.startswith(f"{subject} {invoice.number}")
        assert mail.attachment_key == f"invoice:{invoice.pk}:document"
        assert str(invoice.uid) in mail.body

    def test_is_in_the_portal_alone_for_who_does_not(self, site):
        make_cdr(site=site)
        bill(site)

        assert not Mail.objects.exists()
