"""Refunds above the seller's limit wait for a second person; halves, days and two at once do not get around it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership
from apps.invoices.models import Invoice
from apps.payments.models import BankRepayment, Payment, Refund, RefundRequest, Wallet
from apps.payments.services.bank import (
    NotRepayable,
    StatementLine,
    confirm_repayment,
    execute_repayment,
    record_receipt,
    request_repayment,
    waits_for_second_person,
)
from apps.payments.services.refund_requests import (
    LIVES,
    confirm_request,
    decline_request,
    request_refund,
    request_wallet_refund,
    withdraw_request,
)
from apps.payments.services.refunds import NeedsSecondPerson, NotRefundable, refund_document
from apps.payments.services.wallet_refunds import refund_wallet, refundable
from tests.factories import make_member, make_owner, make_user
from tests.integration.tenants import signed_in
from tests.refusals import refused_by

from .conftest import MINUTE, NOON
from .drivers import capture, make_attempt, pay, receipt_of
from .paying_ahead import balance, make_wallet, top_up

pytestmark = pytest.mark.django_db
LATER = NOON + MINUTE


@pytest.fixture
def receipt(sandbox, site) -> Invoice:
    """10.00 EUR, captured; one person gives back 6.00 alone."""
    site.owner.refund_limit = Decimal(6)
    site.owner.save()
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    return receipt


@pytest.fixture
def owner(site) -> Membership:
    return make_member(organisation=site.owner, role=Role.OWNER, user=make_user(name="Olga", is_staff=True))


@pytest.fixture
def finance(site, owner) -> Membership:
    return make_member(organisation=site.owner, role=Role.FINANCE, user=make_user(name="Fritz", is_staff=True))


def give_back(receipt: Invoice, amount: str, *, by, at=NOON) -> tuple[Refund, ...]:
    amounts = {receipt.lines.get().pk: Decimal(amount)}
    return refund_document(document_id=receipt.pk, reason="Broken.", by=by, at=at, amounts=amounts)


def ask(receipt: Invoice, *, by, at=NOON) -> RefundRequest:
    return request_refund(
        document_id=receipt.pk,
        amounts=None,
        seen_left=Decimal(10),
        amount=Decimal(10),
        reason="Broken.",
        by=by,
        at=at,
    )


class TestTheLimit:
    def test_lets_small_ones_pass_and_counts_halves_of_a_document_whenever(self, receipt, finance, owner):
        give_back(receipt, "6.00", by=finance.user)

        for at in (NOON + timedelta(minutes=1), NOON + timedelta(days=30)):
            with pytest.raises(NeedsSecondPerson) as refused:
                give_back(receipt, "0.01", by=finance.user, at=at)
        assert refused.value.amount == Decimal("0.01")
        assert (receipt.credit_notes.count(), Refund.objects.count()) == (1, 1)
        assert give_back(receipt, "1.00", by=owner.user)

    def test_counts_a_day_over_all_documents(self, sandbox, site, receipt, finance):
        other = receipt_of(pay(make_attempt(site)), site)
        capture(other)
        give_back(receipt, "4.00", by=finance.user)

        with pytest.raises(NeedsSecondPerson):
            give_back(other, "2.01", by=finance.user, at=NOON + timedelta(hours=23))
        assert give_back(other, "2.01", by=finance.user, at=NOON + timedelta(hours=24))

    def test_stops_neither_the_system_nor_sellers_without_one(self, receipt, site, finance):
        give_back(receipt, "8.00", by=None)
        site.owner.refund_limit = None
        site.owner.save()

        assert give_back(receipt, "2.00", by=finance.user)

    @pytest.mark.django_db(transaction=True)
    def test_holds_for_two_documents_at_once(self, sandbox, site, receipt, finance, at_once):
        other = receipt_of(pay(make_attempt(site)), site)
        capture(other)

        def half(document: Invoice) -> bool:
            try:
                return bool(give_back(document, "6.00", by=finance.user))
            except NeedsSecondPerson:
                return False

        assert sorted(at_once(lambda: half(receipt), lambda: half(other))) == [False, True]
        assert Refund.objects.count() == 1


class TestARequest:
    def test_goes_from_the_refund_page_over_home_to_the_second_person_who_confirms(self, receipt, finance, owner):
        asker, other = signed_in(finance.user), signed_in(owner.user)
        form = {"how_much": "whole", "reason": "Broken.", "seen_left": "10.00", "confirmed": "1"}

        said = asker.post(reverse("console:refund", args=[receipt.uid]), form, follow=True).content.decode()
        request = RefundRequest.objects.get()
        confirm = reverse("admin:payments_refundrequest_confirm", args=[request.pk])
        own = asker.post(confirm).content.decode()
        home = other.get(reverse("admin:index")).content.decode()
        nothing = Refund.objects.count()
        asked = other.get(confirm).content.decode()
        done = other.post(confirm, follow=True).content.decode()

        assert "Somebody else has to confirm it" in said
        assert "Nobody decides about their own refund" in own
        assert "refund to confirm" in home
        assert nothing == 0
        for told in (str(receipt), "anonymous driver", "Broken.", "Fritz", "Give €10.00 back"):
            assert told in asked
        assert "go back" in done
        request.refresh_from_db()
        refund = Refund.objects.get()
        assert (request.status, request.decided_by, request.credit_note) == (
            "confirmed",
            owner.user,
            refund.credit_note,
        )
        assert (refund.amount.amount, refund.requested_by, refund.status) == (10, finance.user, "succeeded")

    def test_is_all_that_support_can_do_and_whoever_moves_money_confirms_it(self, receipt, site, finance):
        site.owner.refund_limit = None
        site.owner.save()
        person = make_member(organisation=site.owner, role=Role.SUPPORT, user=make_user(is_staff=True)).user
        support, page = signed_in(person), reverse("console:refund", args=[receipt.uid])
        form = {"how_much": "amount", "amount": "1.00", "reason": "Broken.", "seen_left": "10.00"}

        shown = support.get(page).content.decode()
        # The button that gives all back goes before what else was filled in.
        said = support.post(page, form | {"confirmed": "whole"}, follow=True).content.decode()
        twice = support.post(page, form | {"confirmed": "whole"}, follow=True).content.decode()
        request = RefundRequest.objects.get()
        confirm = reverse("admin:payments_refundrequest_confirm", args=[request.pk])
        refused = support.post(confirm).status_code
        before = (Refund.objects.count(), receipt.credit_notes.count())
        signed_in(finance.user).post(confirm)
        nothing_left = support.post(page, form | {"confirmed": "whole"}, follow=True).content.decode()

        assert "Ask for all of it: €10.00" in shown
        assert "Give all of it back" not in shown
        assert "You move no money. Somebody else has to confirm it here." in said
        assert "waits for a second person already" in twice
        assert (refused, before) == (403, (0, 0))
        assert (request.amounts, request.amount.amount, request.requested_by) == (None, 10, person)
        assert (Refund.objects.get().amount.amount, receipt.credit_notes.count()) == (10, 1)
        assert "Nothing is left of it" in nothing_left
        assert RefundRequest.objects.count() == 1

    def test_confirmed_does_not_count_towards_the_limit(self, sandbox, site, receipt, finance, owner):
        other = receipt_of(pay(make_attempt(site)), site)
        capture(other)

        confirm_request(request_id=ask(receipt, by=finance.user).pk, by=owner.user, at=NOON)

        assert give_back(other, "6.00", by=finance.user)

    def test_is_nobodys_own_to_confirm_or_decline_whoever_writes(self, receipt, finance):
        request = ask(receipt, by=finance.user)

        with pytest.raises(NotRefundable, match="own refund"):
            confirm_request(request_id=request.pk, by=finance.user, at=NOON)
        with pytest.raises(NotRefundable, match="own refund"):
            decline_request(request_id=request.pk, reason="No.", by=finance.user, at=NOON)
        for status in ("confirmed", "declined"):
            with pytest.raises(IntegrityError, match="somebody_else"), transaction.atomic():
                RefundRequest.objects.update(
                    status=status, decided_by=finance.user, decided_at=NOON, decision_reason="x"
                )

        assert Refund.objects.count() == 0

    def test_is_declined_with_a_reason_or_withdrawn_by_its_person_and_then_over(self, receipt, finance, owner):
        request = ask(receipt, by=finance.user)

        with pytest.raises(NotRefundable, match="waits"):
            ask(receipt, by=finance.user)
        with pytest.raises(NotRefundable, match="why"):
            decline_request(request_id=request.pk, reason=" ", by=owner.user, at=NOON)
        with pytest.raises(NotRefundable, match="Somebody else"):
            withdraw_request(request_id=request.pk, by=owner.user, at=NOON)
        decline_request(request_id=request.pk, reason="Ask the technician first.", by=owner.user, at=NOON)
        again = ask(receipt, by=finance.user)
        withdraw_request(request_id=again.pk, by=finance.user, at=NOON)

        for over in (request, again):
            with pytest.raises(NotRefundable, match="decided"):
                confirm_request(request_id=over.pk, by=owner.user, at=NOON)
        assert receipt.credit_notes.count() == 0

    def test_is_over_after_a_week_and_when_the_document_moved(self, receipt, finance, owner):
        late = ask(receipt, by=finance.user)
        with pytest.raises(NotRefundable, match="week"):
            confirm_request(request_id=late.pk, by=owner.user, at=NOON + LIVES)

        fresh = ask(receipt, by=finance.user, at=NOON + LIVES)
        give_back(receipt, "1.00", by=owner.user, at=NOON + LIVES)
        with pytest.raises(NotRefundable, match="meanwhile"):
            confirm_request(request_id=fresh.pk, by=owner.user, at=NOON + LIVES)

        assert Refund.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_confirmed_twice_at_once_gives_back_once(self, receipt, finance, owner, at_once):
        request = ask(receipt, by=finance.user)

        def confirm() -> bool:
            try:
                return bool(confirm_request(request_id=request.pk, by=owner.user, at=NOON))
            except NotRefundable:
                return False

        assert sorted(at_once(confirm, confirm)) == [False, True]
        assert Refund.objects.count() == 1

    def test_is_the_money_roles_alone_and_never_another_tenants(self, receipt, site, finance):
        request = ask(receipt, by=finance.user)
        support = make_member(organisation=site.owner, role=Role.SUPPORT, user=make_user(is_staff=True))
        stranger = make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))
        page = reverse("admin:payments_refundrequest_confirm", args=[request.pk])

        assert [signed_in(member.user).post(page).status_code for member in (support, stranger)] == [403, 404]
        assert RefundRequest.objects.get().status == "open"

    def test_has_its_limit_set_by_the_owner_and_not_by_finance(self, receipt, site, finance, owner):
        page = reverse("admin:accounts_organisation_change", args=[site.owner.pk])

        shown = [
            'name="refund_limit"' in signed_in(member.user).get(page).content.decode() for member in (finance, owner)
        ]

        assert shown == [False, True]


class TestAWallet:
    @pytest.fixture
    def wallet(self, sandbox, site) -> Wallet:
        """10.00 EUR topped up; one person gives back 6.00 alone."""
        site.owner.refund_limit = Decimal(6)
        site.owner.save()
        wallet = make_wallet(site)
        top_up(wallet, "10.00")
        return wallet

    def give_back(self, wallet: Wallet, by):
        return refund_wallet(wallet_id=wallet.pk, seen=refundable(wallet), reason="Moved away.", by=by, at=LATER)

    def test_above_the_limit_is_given_back_by_two_in_the_console_and_stays_full_until_then(
        self, sandbox, wallet, finance, owner
    ):
        with pytest.raises(NeedsSecondPerson) as refused:
            self.give_back(wallet, finance.user)
        page = reverse("admin:payments_wallet_give_back", args=[wallet.pk])
        form = {"reason": "Moved away.", "seen": "10.000000"}

        asked = signed_in(finance.user).post(page, form, follow=True).content.decode()
        again = signed_in(finance.user).post(page, form).content.decode()
        request = RefundRequest.objects.get()
        own = signed_in(finance.user).post(confirm_page(request)).content.decode()
        before = (balance(wallet), Refund.objects.count())
        done = signed_in(owner.user).post(confirm_page(request), follow=True).content.decode()

        refund = Refund.objects.get()
        assert refused.value.amount == Decimal("10.00")
        assert "more than one person gives back alone" in asked
        assert "waits for a second person already" in again
        assert "Nobody decides about their own" in own
        assert (before, balance(wallet)) == ((Decimal("10.00"), 0), 0)
        assert (refund.status, refund.requested_by, refund.confirmed_by) == ("succeeded", finance.user, owner.user)
        assert "€10.00 go back" in done
        assert f"Wallet of {wallet.contract}" in done

    def test_counts_towards_the_day_unless_it_was_confirmed_and_a_moved_one_is_asked_for_again(
        self, sandbox, site, wallet, finance, owner
    ):
        told = {"wallet_id": wallet.pk, "reason": "Moved away.", "by": finance.user, "at": LATER}
        request = request_wallet_refund(seen=Decimal("10.00"), amount=Decimal("10.00"), **told)
        site.owner.refund_limit = Decimal(12)
        site.owner.save()
        top_up(wallet, "10.00", at=LATER)

        with pytest.raises(NotRefundable, match="moved meanwhile"):
            confirm_request(request_id=request.pk, by=owner.user, at=LATER)
        withdraw_request(request_id=request.pk, by=finance.user, at=LATER)
        request = request_wallet_refund(seen=Decimal("20.00"), amount=Decimal("20.00"), **told)
        confirm_request(request_id=request.pk, by=owner.user, at=LATER)
        top_up(wallet, "12.00", at=LATER)
        first = self.give_back(wallet, finance.user)
        top_up(wallet, "10.00", at=LATER)

        assert [refund.confirmed_by for refund in first.refunds] == [None]
        with pytest.raises(NeedsSecondPerson):
            self.give_back(wallet, finance.user)

    def test_and_a_document_cannot_be_one_request(self, wallet, receipt, finance):
        request = ask(receipt, by=finance.user)

        with refused_by("refund_request_is_of_a_document_or_a_wallet", RefundRequest):
            RefundRequest.objects.filter(pk=request.pk).update(wallet=wallet)
        with refused_by("refund_is_confirmed_by_somebody_else", Refund):
            Refund.objects.bulk_create(
                [
                    Refund(
                        payment=Payment.objects.first(),
                        origin="elsewhere",
                        stripe_id="re_x",
                        status="pending",
                        currency="EUR",
                        amount=Decimal(1),
                        reason="x",
                        requested_by=finance.user,
                        confirmed_by=finance.user,
                        requested_at=NOON,
                    )
                ]
            )


class TestARepaymentByBank:
    @pytest.fixture
    def repayment(self, site, finance) -> BankRepayment:
        """10.00 EUR that somebody sent, to be paid back; one person gives back 6.00 alone."""
        site.owner.refund_limit = Decimal(6)
        site.owner.save()
        return self.ask(site, finance, "10.00")

    def ask(self, site, by: Membership, amount: str, *, at=NOON) -> BankRepayment:
        line = StatementLine(
            key=f"line {amount} {at}", booked_on=NOON.date(), amount=Decimal(amount), currency="EUR", payer="Ada"
        )
        receipt = record_receipt(seller_id=site.owner.pk, line=line, at=NOON)
        return request_repayment(receipt_id=receipt.pk, reason="Not ours.", by=by.user, at=at)

    def paid(self, repayment: BankRepayment, by: Membership) -> str:
        told = {"executed_on": NOON.date(), "by": by.user, "at": LATER}
        return execute_repayment(repayment_id=repayment.pk, **told).status

    def test_above_the_limit_is_not_paid_before_another_person_confirms_it(self, repayment, finance, owner):
        page = reverse("admin:payments_bankrepayment_change", args=[repayment.pk])
        confirm = reverse("admin:payments_bankrepayment_confirm", args=[repayment.pk])

        with pytest.raises(NotRepayable, match="somebody else has to confirm"):
            self.paid(repayment, owner)
        waiting = signed_in(owner.user).get(page).content.decode()
        own = signed_in(finance.user).post(confirm).content.decode()
        asked = signed_in(owner.user).get(confirm).content.decode()
        signed_in(owner.user).post(confirm)
        confirmed = signed_in(finance.user).get(page).content.decode()

        repayment.refresh_from_db()
        executed = reverse("admin:payments_bankrepayment_executed", args=[repayment.pk])
        assert (confirm in waiting, executed in waiting) == (True, False)
        assert "Nobody confirms their own" in own
        assert [told in asked for told in ("€10.00", "Ada", "Not ours.", "Fritz")] == [True] * 4
        assert (confirm in confirmed, executed in confirmed) == (False, True)
        assert repayment.confirmed_by == owner.user
        assert self.paid(repayment, finance) == "executed"
        with refused_by("frozen", BankRepayment):
            BankRepayment.objects.filter(pk=repayment.pk).update(confirmed_by=None)

    def test_counts_with_what_the_same_person_gave_back_by_card_and_bank_that_day(self, site, receipt, finance, owner):
        give_back(receipt, "2.00", by=finance.user)
        small = [self.ask(site, finance, "4.00"), self.ask(site, finance, "0.01", at=LATER)]
        others = self.ask(site, owner, "5.00")

        assert [waits_for_second_person(one) for one in (*small, others)] == [False, True, False]
        with pytest.raises(NeedsSecondPerson):
            give_back(receipt, "0.01", by=finance.user)
        with pytest.raises(NotRepayable, match="own repayment"):
            confirm_repayment(repayment_id=small[1].pk, by=finance.user)


def confirm_page(request: RefundRequest) -> str:
    return reverse("admin:payments_refundrequest_confirm", args=[request.pk])
