"""A tenant's money: by card, by bank, in wallets, paid out, and collected for another owner."""

from datetime import date, timedelta
from decimal import Decimal

from apps.accounting.models import (
    Agreement,
    BalanceEntry,
    Discrepancy,
    Payout,
)
from apps.accounting.services.owner_payouts import make_payout_file
from apps.accounting.services.settlement import make_statement
from apps.accounts.models import Organisation, User
from apps.invoices.models import Invoice
from apps.ledger.domain.chart import Role
from apps.ledger.domain.posting import PostingLine
from apps.payments.domain.finding import Wanted
from apps.payments.models import (
    Allocation,
    Dispute,
    Payment,
    PaymentOperation,
    RefundRequest,
    SavedMethod,
    StripeEvent,
    Transfer,
    Wallet,
    WalletMovement,
    WalletOffer,
)
from apps.payments.services.allocating import take_back
from apps.payments.services.attempts import create_attempt, release_attempt
from apps.payments.services.bank import StatementLine, record_receipt, request_repayment
from apps.payments.services.finding import find_charge
from apps.payments.services.openings import Told, give_up_opening_item, record_opening_item
from apps.payments.services.posting import Move, post_between
from apps.payments.services.wallets import move, open_wallet
from apps.payments.services.write_offs import write_off
from tests.factories import (
    NOON,
    Site,
    make_contract,
    make_user,
)
from tests.integration.tenant_parts import BILLED_AT, make_named_site


def add_bank_money(name: str, site: Site) -> None:
    """Make money that paid an invoice given up before, was taken back and is to go back: it is open as it was."""
    (invoice,) = Invoice.objects.filter(seller=site.owner)
    clerk = make_user(name=f"{name} Clerk")
    write_off(invoice_id=invoice.pk, reason=f"{name} is insolvent", by=clerk, at=BILLED_AT)
    line = StatementLine(
        key=name,
        booked_on=BILLED_AT.date(),
        amount=invoice.gross.amount,
        currency="EUR",
        payer=f"{name} Fleet AG",
        reference=invoice.number,
    )
    record_receipt(seller_id=site.owner.pk, line=line, at=BILLED_AT)
    allocation = Allocation.objects.get(invoice=invoice)
    take_back(allocation_id=allocation.pk, reason=f"{name} was wrong", by=clerk, at=BILLED_AT)
    request_repayment(receipt_id=allocation.bank_receipt_id, reason=f"{name} asks for it", by=clerk, at=BILLED_AT)
    told = Told(
        number=f"{name}-2025-7", document_date=date(2025, 12, 1), due_date=date(2025, 12, 15), amount=Decimal(70),
        currency="EUR", note=name,
    )  # fmt: skip
    item = record_opening_item(customer=site.customer, told=told, by=clerk, at=BILLED_AT)
    give_up_opening_item(item_id=item.pk, reason=f"{name} is insolvent", by=clerk, at=BILLED_AT)


def add_wallet(name: str, site: Site) -> Wallet:
    """Make a second contract that is prepaid, and a top-up of it."""
    WalletOffer.objects.create(seller=site.owner, currency="EUR")
    contract = make_contract(customer=site.customer, number=f"{name}-V2")
    wallet = open_wallet(contract_id=contract.pk, at=BILLED_AT)
    payment = Payment.objects.create(
        kind="top_up",
        wallet=wallet,
        seller=site.owner,
        customer=site.customer,
        livemode=False,
        currency="EUR",
        amount=Decimal("50.00"),
        amount_received=Decimal("0.00"),
        created_at=BILLED_AT,
    )
    move(
        wallet,
        kind=WalletMovement.Kind.TOP_UP,
        key=f"payment:{payment.pk}",
        amount=Decimal("50.00"),
        payment=payment,
        at=BILLED_AT,
    )
    return wallet


def add_refund_request(name: str, invoice: Invoice, by: User) -> None:
    """Make a refund of the invoice that waited for a second person and was withdrawn."""
    RefundRequest.objects.create(
        seller=invoice.seller,
        document=invoice,
        seen_left=invoice.net.amount,
        currency=invoice.currency,
        amount=invoice.gross.amount,
        reason=f"{name} cable",
        status=RefundRequest.Status.WITHDRAWN,
        requested_by=by,
        requested_at=BILLED_AT,
        expires_at=BILLED_AT + timedelta(days=7),
        decided_by=by,
        decided_at=BILLED_AT,
    )


def add_payment(name: str, site: Site, invoice: Invoice) -> Payment:
    method = SavedMethod.objects.create(
        customer=site.customer,
        status="active",
        livemode=False,
        checkout_session_id=f"cs_{name}",
        payment_method_id=f"pm_{name}",
        brand=name.lower(),
        last4="4242",
        requested_at=BILLED_AT,
        activated_at=BILLED_AT,
    )
    payment = Payment.objects.create(
        seller=site.owner,
        customer=site.customer,
        invoice=invoice,
        status="requires_payment_method",
        livemode=False,
        stripe_id=f"pi_{name}",
        currency="EUR",
        amount=invoice.gross.amount,
        amount_received=Decimal(0),
        latest_charge=f"ch_{name}",
        failure_message=f"{name}: card declined.",
        created_at=BILLED_AT,
    )
    PaymentOperation.objects.create(
        seller=site.owner,
        customer=site.customer,
        payment=payment,
        method=method,
        kind="confirm_intent",
        idempotency_key=f"key-{name}",
        livemode=False,
        status="rejected",
        created_at=BILLED_AT,
        ended_at=BILLED_AT,
        error=f"{name}: declined",
    )
    # An inquiry: it moves nothing, so that this payment, which brought nothing, can have one.
    Dispute.objects.create(
        payment=payment,
        stripe_id=f"du_{name}",
        currency="EUR",
        amount=invoice.gross.amount,
        beyond=Decimal(0),
        reason="general",
        status="warning_needs_response",
        opened_at=BILLED_AT,
        evidence={"uncategorized_text": f"{name}: it was delivered."},
        prepared_at=BILLED_AT,
        synced_at=BILLED_AT,
    )
    StripeEvent.objects.create(
        seller=site.owner,
        stripe_id=f"evt_{name}",
        type="payment_intent.payment_failed",
        livemode=False,
        payload={"name": name},
        received_at=BILLED_AT,
        processed_at=BILLED_AT,
    )
    return payment


def add_payout(name: str, site: Site) -> None:
    """Make a payout with one part that our books know nothing of."""
    money = {"seller": site.owner, "currency": "EUR", "amount": Decimal("9.60")}
    payout = Payout.objects.create(
        stripe_id=f"po_{name}",
        livemode=False,
        status="paid",
        is_automatic=True,
        created_at=BILLED_AT,
        arrives_at=BILLED_AT,
        lines_pulled_at=BILLED_AT,
        synced_at=BILLED_AT,
        **money,
    )
    entry = BalanceEntry.objects.create(
        stripe_id=f"txn_{name}",
        kind="charge",
        fee=Decimal(0),
        net=Decimal("9.60"),
        description=f"{name} charge",
        created_at=BILLED_AT,
        available_on=BILLED_AT,
        payout=payout,
        **money,
    )
    Discrepancy.objects.create(
        seller=site.owner,
        key=f"entry:{entry.stripe_id}",
        kind="unknown_here",
        subject=f"charge of {name}",
        stripe_says="9.60 EUR",
        we_say="nothing",
        cause=f"Charged at Stripe without {name}.",
        entry=entry,
        found_at=BILLED_AT,
    )


def add_settlement(name: str, platform: Organisation) -> None:
    """Let the tenant collect for another owner: an agreement, a transfer, a statement, and a payout in a file."""
    site = make_named_site(f"{name}-SUB")
    agreement = Agreement.objects.create(
        platform=platform, owner=site.owner, currency="EUR", valid_from=NOON.date(), percent=Decimal(10)
    )
    attempt = create_attempt(
        evse_id=site.evse.pk,
        seller_id=site.owner.pk,
        tariff_version_id=site.version.pk,
        pay_code=f"{name}-SUB-CODE",
        hold_amount=Decimal("25.00"),
        currency="EUR",
        language="en",
        at=NOON,
    )
    Payment.objects.filter(attempt=attempt).update(
        status="succeeded", stripe_id=f"pi_{name}_sub", amount_received=Decimal("25.00"), succeeded_at=NOON
    )
    Transfer.objects.create(
        payment=attempt.payment,
        platform=platform,
        owner=site.owner,
        destination=f"acct_{name}",
        currency="EUR",
        amount=Decimal("10.00"),
        requested_at=NOON,
    )
    post_between(
        platform=platform,
        owner=site.owner,
        key=f"{name}:collected",
        text=f"{name}: collected",
        move=Move(
            amount=Decimal(-15),
            platform_role=Role.BANK,
            owner_lines=(PostingLine(role=Role.RECEIVABLE, amount=Decimal(-15)),),
        ),
        currency="EUR",
        at=NOON,
    )
    statement = make_statement(agreement_id=agreement.pk, month=date(2026, 6, 1), at=BILLED_AT)
    make_payout_file(payout_ids=[statement.payout.pk], execution_date=BILLED_AT.date(), by=None, at=BILLED_AT)


def add_attempt(name: str, site: Site) -> None:
    """Make a driver's try to pay for this EVSE that came to nothing."""
    attempt = create_attempt(
        evse_id=site.evse.pk,
        seller_id=site.owner.pk,
        tariff_version_id=site.version.pk,
        pay_code=f"{name}-CODE",
        hold_amount=Decimal("25.00"),
        currency="EUR",
        language="en",
        at=NOON,
    )
    release_attempt(attempt_id=attempt.pk, reason=f"{name}: not wanted", at=NOON)
    wanted = Wanted(card_last4="4242", amount=Decimal("25.00"), day=NOON.date(), place=f"{name} Square")
    find_charge(wanted=wanted, network="192.0.2.1", seller_id=site.owner.pk, at=NOON)
