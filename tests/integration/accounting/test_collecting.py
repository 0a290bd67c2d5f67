"""Money that a platform collects stands in two books, and the owner's part goes to its account at Stripe."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from apps.accounting.services.shares import share_payment, take_back_share
from apps.ledger import services as ledger
from apps.ledger.domain.chart import Role
from apps.ledger.models import Journal
from apps.ledger.selectors import balance
from apps.payments.models import Payment, PaymentOperation, Transfer
from apps.payments.sandbox import FaultKind
from apps.payments.services import posting
from tests.factories import make_owner
from tests.integration.payments.conftest import MINUTE, NOON, journals
from tests.integration.payments.disputing import decide, open_dispute
from tests.integration.payments.drivers import calls, janitor, posts, until_settled, violations

from .conftest import collect, give_back, make_agreement

pytestmark = pytest.mark.django_db


def share(payment: Payment) -> Transfer | None:
    return share_payment(payment_id=payment.pk, at=NOON)


def due(platform, owner) -> tuple[Decimal, Decimal]:
    """Return what the platform's books say is due to the owner, and what the owner's say is due from the platform."""
    return (
        -balance(entity_id=platform.pk, role=Role.DUE_TO_OWNER, currency="EUR", party=owner.pk),
        balance(entity_id=owner.pk, role=Role.DUE_FROM_PLATFORM, currency="EUR", party=platform.pk),
    )


class TestReceipt:
    def test_is_the_owners_and_its_money_the_platforms_to_pay_on(self, sandbox, site, platform, agreement):
        payment, receipt = collect(site)

        to_owner, from_platform = f"2300-{site.owner.pk}", f"1210-{platform.pk}"
        key = f"payment:{payment.pk}:received"
        assert (receipt.seller, payment.collector) == (site.owner, platform)
        assert journals(platform) == {
            key: {"1020": Decimal("10.00"), to_owner: Decimal("-10.00")},
            f"payment:{payment.pk}:fee": {"6000": Decimal("0.40"), "1020": Decimal("-0.40")},
        }
        assert journals(site.owner) == {
            f"invoice:{receipt.pk}:issued": {
                "1200": Decimal("10.00"),
                "4000": Decimal("-8.40"),
                "2200": Decimal("-1.60"),
            },
            key: {from_platform: Decimal("10.00"), "1200": Decimal("-10.00")},
        }
        assert due(platform, site.owner) == (Decimal("10.00"), Decimal("10.00"))
        assert violations() == []

    def test_of_an_owner_with_a_stripe_account_of_its_own_is_untouched(self, sandbox, site, platform):
        make_agreement(platform, make_owner())

        payment, _receipt = collect(site)

        assert payment.collector is None
        assert share(payment) is None
        assert journals(platform) == {}
        assert journals(site.owner)[f"payment:{payment.pk}:received"] == {
            "1020": Decimal("10.00"),
            "1200": Decimal("-10.00"),
        }
        assert Transfer.objects.count() == 0

    def test_stands_in_both_books_or_in_none(self, sandbox, site, platform, agreement, monkeypatch):
        post, seen = ledger.post, []

        def fail_at_the_second(**said):
            if said["key"].endswith(":received"):
                seen.append(said["entity_id"])
                if len(seen) == 2:
                    raise RuntimeError("the second journal fails")
            return post(**said)

        monkeypatch.setattr(posting.ledger, "post", fail_at_the_second)

        with pytest.raises(RuntimeError, match="second journal"):
            collect(site)

        assert seen == [platform.pk, site.owner.pk]
        assert not Journal.objects.filter(key__endswith=":received").exists()


class TestAgreement:
    def test_lets_one_platform_collect_for_an_owner_at_a_time(self, site, platform, by_bank):
        with pytest.raises(IntegrityError, match="agreement_one_at_a_time_per_owner"), transaction.atomic():
            make_agreement(make_owner(), site.owner)

        assert list(type(by_bank).objects.all()) == [by_bank]

    def test_keeps_its_rule_for_ever(self, by_bank):
        by_bank.percent = Decimal(1)

        with pytest.raises(IntegrityError, match="agreements are frozen"), transaction.atomic():
            by_bank.save()

        by_bank.refresh_from_db()
        assert by_bank.percent == Decimal(10)


class TestTransfer:
    def test_sends_what_was_paid_less_the_fee_with_its_vat(self, sandbox, site, platform, agreement, account):
        payment, _ = collect(site)

        transfer = share(payment)

        # 10.00 gross − fee 1.24 − its VAT 0.24
        assert (transfer.status, transfer.amount.amount) == ("succeeded", Decimal("8.52"))
        (made,) = sandbox.control.objects("transfer")
        assert (made["amount"], made["destination"], made["source_transaction"]) == (
            852,
            account,
            payment.latest_charge,
        )
        key = f"transfer:{transfer.pk}:made"
        assert journals(platform)[key] == {f"2300-{site.owner.pk}": Decimal("8.52"), "1020": Decimal("-8.52")}
        assert journals(site.owner)[key] == {"1020": Decimal("8.52"), f"1210-{platform.pk}": Decimal("-8.52")}
        assert due(platform, site.owner) == (Decimal("1.48"), Decimal("1.48"))
        assert violations() == []

    def test_is_made_once_however_often_it_is_asked_for(self, sandbox, site, agreement):
        payment, _ = collect(site)

        assert share(payment) == share(payment)

        assert len(posts(sandbox, "/transfers")) == 1
        assert calls("create_transfer") == [("create_transfer", "done", 1)]

    def test_that_stripe_refuses_leaves_the_money_due(self, sandbox, site, platform, by_bank):
        by_bank.connected_account = "acct_unknown"
        by_bank.save()
        payment, _ = collect(site)

        transfer = share(payment)

        assert (transfer.status, "acct_unknown" in transfer.failure_message) == ("failed", True)
        assert due(platform, site.owner) == (Decimal("10.00"), Decimal("10.00"))
        assert share(payment) == transfer
        assert len(posts(sandbox, "/transfers")) == 1

    @pytest.mark.parametrize("fault", [FaultKind.DROP_ANSWER, FaultKind.ERROR_AFTER, FaultKind.ERROR_BEFORE])
    def test_is_made_once_whatever_becomes_of_the_answer(self, sandbox, site, platform, agreement, fault):
        payment, _ = collect(site)
        sandbox.control.fault(fault, method="POST", path="/v1/transfers")

        asked = share(payment)
        until_settled(sandbox)

        asked.refresh_from_db()
        assert asked.status == "succeeded"
        assert [each["amount"] for each in sandbox.control.objects("transfer")] == [852]
        assert due(platform, site.owner) == (Decimal("1.48"), Decimal("1.48"))

    def test_gets_the_next_key_only_when_our_reference_is_not_found(self, sandbox, site, agreement):
        payment, _ = collect(site)
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="POST", path="/v1/transfers")

        share(payment)
        until_settled(sandbox)

        assert calls("create_transfer") == [("create_transfer", "rejected", 2), ("create_transfer", "done", 1)]
        assert len(set(posts(sandbox, "/transfers"))) == 2

    def test_exceeding_what_was_collected_is_refused_and_not_written(self, sandbox, site, agreement):
        payment, _ = collect(site)

        with pytest.raises(IntegrityError, match="exceeds what was collected"), transaction.atomic():
            Transfer.objects.create(
                payment=payment,
                platform=payment.collector,
                owner=payment.seller,
                destination="acct_x",
                currency="EUR",
                amount=Decimal("10.01"),
                requested_at=NOON,
            )

        assert (Transfer.objects.count(), PaymentOperation.objects.filter(kind="create_transfer").count()) == (0, 0)

    def test_to_a_stranger_is_refused_and_not_written(self, sandbox, site, platform, agreement):
        payment, _ = collect(site)

        with pytest.raises(IntegrityError, match="joins strangers"), transaction.atomic():
            Transfer.objects.create(
                payment=payment,
                platform=platform,
                owner=make_owner(),
                destination="acct_x",
                currency="EUR",
                amount=Decimal("1.00"),
                requested_at=NOON,
            )

        assert Transfer.objects.count() == 0


class TestRefund:
    def test_fetches_the_owners_part_back(self, sandbox, site, platform, agreement):
        payment, receipt = collect(site)
        share(payment)

        refund = give_back(receipt)
        reversal = take_back_share(refund_id=refund.pk, at=NOON)

        assert (reversal.status, reversal.amount.amount) == ("succeeded", Decimal("8.52"))
        assert [each["amount_reversed"] for each in sandbox.control.objects("transfer")] == [852]
        assert journals(platform)[f"refund:{refund.pk}:paid"] == {
            f"2300-{site.owner.pk}": Decimal("10.00"),
            "1020": Decimal("-10.00"),
        }
        assert journals(site.owner)[f"refund:{refund.pk}:paid"] == {
            "1200": Decimal("10.00"),
            f"1210-{platform.pk}": Decimal("-10.00"),
        }
        assert due(platform, site.owner) == (Decimal("0.00"), Decimal("0.00"))
        assert take_back_share(refund_id=refund.pk, at=NOON) == reversal
        assert len(posts(sandbox, "/reversals")) == 1
        assert violations() == []

    def test_of_a_part_fetches_back_as_much_of_the_owners_part(self, sandbox, site, platform, agreement):
        payment, receipt = collect(site)
        share(payment)

        refund = give_back(receipt, amounts={receipt.lines.get().pk: Decimal("2.50")})
        reversal = take_back_share(refund_id=refund.pk, at=NOON)

        # 8.52 × 2.50 ÷ 10.00 = 2.13; due: 10.00 − 8.52 − 2.50 + 2.13
        assert reversal.amount.amount == Decimal("2.13")
        assert due(platform, site.owner) == (Decimal("1.11"), Decimal("1.11"))
        assert violations() == []

    def test_fetches_back_once_whatever_becomes_of_the_answer(self, sandbox, site, platform, agreement):
        payment, receipt = collect(site)
        share(payment)
        refund = give_back(receipt)
        sandbox.control.fault(FaultKind.ERROR_AFTER, method="POST", path="/v1/transfers/tr_")

        take_back_share(refund_id=refund.pk, at=NOON)
        janitor(NOON + 2 * MINUTE)

        assert [each["amount_reversed"] for each in sandbox.control.objects("transfer")] == [852]
        assert due(platform, site.owner) == (Decimal("0.00"), Decimal("0.00"))


class TestADispute:
    def test_that_is_lost_takes_it_from_what_is_due_to_the_owner(self, sandbox, site, platform, by_bank):
        """10.00 of a receipt of 8.40 net: the platform's clearing, the owner's bad debt and VAT."""
        payment, _ = collect(site)

        decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        to_owner, from_platform = f"2300-{site.owner.pk}", f"1210-{platform.pk}"
        assert of_disputes(platform) == {
            "withdrawn": {"1030": Decimal("10.00"), "1020": Decimal("-10.00")},
            "fee": {"6000": Decimal("20.00"), "1020": Decimal("-20.00")},
            "lost": {to_owner: Decimal("10.00"), "1030": Decimal("-10.00")},
        }
        assert of_disputes(site.owner) == {"lost": {"1200": Decimal("10.00"), from_platform: Decimal("-10.00")}}
        given_up = next(sums for key, sums in journals(site.owner).items() if key.startswith("write_off:"))
        assert given_up == {"6100": Decimal("8.40"), "2200": Decimal("1.60"), "1200": Decimal("-10.00")}
        assert due(platform, site.owner) == (Decimal("0.00"), Decimal("0.00"))
        assert violations() == []

    def test_that_is_won_leaves_the_owners_books_alone(self, sandbox, site, platform, by_bank):
        payment, _ = collect(site)

        decide(sandbox, open_dispute(sandbox, payment), is_won=True)

        assert set(of_disputes(platform)) == {"withdrawn", "fee", "reinstated"}
        assert of_disputes(site.owner) == {}
        assert due(platform, site.owner) == (Decimal("10.00"), Decimal("10.00"))


def of_disputes(entity) -> dict[str, dict[str, Decimal]]:
    """Return an entity's journals of disputes by what they post."""
    return {key.split(":")[-1]: said for key, said in journals(entity).items() if key.startswith("dispute:")}
