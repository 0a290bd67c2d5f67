"""Print papers about payments, once each: what was told stays as it was told."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django_countries import countries

from apps.accounts.models import Organisation
from apps.contracts.models import Customer
from apps.contracts.registrations import registrations_of
from apps.core import words as quantities
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.models import Document
from apps.documents.selectors import get_document
from apps.documents.services import store_document
from apps.invoices.domain.wording import WORDS, Words
from apps.invoices.services.sentences import day
from apps.invoices.transfers import bank_transfer
from apps.payments.domain.papers import PAPER_WORDS, PaperWords
from apps.payments.models import DunningStep, WalletMovement
from apps.payments.papers import receipt_key, receipted, reminder_key, unprinted_receipts
from apps.payments.wallets import Kind


def print_receipts(*, wallet_id: int, at: datetime) -> list[Document]:
    """Print the receipts that a wallet's top-ups still lack."""
    missing = unprinted_receipts().filter(wallet=wallet_id).values_list("pk", flat=True)
    return [print_receipt(movement_id=movement_id, at=at) for movement_id in missing]


def print_receipt(*, movement_id: int, at: datetime) -> Document:
    """Print the receipt of a top-up whose VAT is due at use, and keep it; printing again returns the first."""
    rows = receipted().select_related("wallet__contract__customer", "wallet__contract__seller", "payment")
    movement = rows.get(pk=movement_id)
    contract = movement.wallet.contract
    key = receipt_key(movement.pk)
    if (kept := get_document(seller_id=contract.seller_id, key=key)) is not None:
        return kept
    # Rendering takes a while, so it happens outside any transaction.
    file = renderer.render(receipt_html(movement))
    return store_document(
        seller_id=contract.seller_id,
        recipient_id=contract.customer.organisation_id,
        key=key,
        kind="receipt_of_top_up",
        media_type=file.media_type,
        language=contract.customer.language,
        file_name=f"{contract.number}-{_local_day(movement):%Y-%m-%d}-{movement.pk}{file.extension}",
        content=file.content,
        at=at,
    )


def print_letter(*, step_id: int, at: datetime) -> Document:
    """Print the letter of a reminder from what was copied when it was sent; printing again returns the first.

    :raises ValueError: it is older than letters
    """
    step = DunningStep.objects.select_related("invoice__customer", "invoice__contract", "invoice__seller").get(
        pk=step_id
    )
    invoice, customer, key = step.invoice, step.invoice.customer, reminder_key(step.pk)
    if step.letter is None or customer is None:
        raise ValueError(f"{step} has no letter")
    if (kept := get_document(seller_id=invoice.seller_id, key=key)) is not None:
        return kept
    file = renderer.render(letter_html(step))
    return store_document(
        seller_id=invoice.seller_id,
        recipient_id=customer.organisation_id,
        key=key,
        kind="reminder",
        media_type=file.media_type,
        language=customer.language,
        file_name=f"{invoice.number}-{step.level}{file.extension}",
        content=file.content,
        at=at,
    )


def letter_html(step: DunningStep) -> str:
    """Return the letter of a reminder as HTML in its customer's language, with all that is to be paid and how."""
    invoice = step.invoice
    assert invoice.customer is not None, "a reminder is of a customer's invoice"
    assert invoice.contract is not None, "a reminder is of a contract's invoice"
    assert step.letter is not None, "the reminder is older than letters"
    language = invoice.customer.language
    words, paper = WORDS[language], PAPER_WORDS[language]
    facts = {
        "number": invoice.number,
        "level": step.level,
        "due": day(step.due_date, words),
        "days": step.days_overdue,
        "contract": invoice.contract.number,
        "day": day(step.taken_on, words),
        "address": f"{settings.PUBLIC_URL}{reverse('portal:invoice', args=[invoice.uid])}",
    }
    title, text = _tone(step, paper)
    warning = paper.suspends if step.suspends else paper.threatens if step.threatens else ""
    with translation.override(language):
        context = {
            **_letterhead(invoice.seller, invoice.customer, on=step.taken_on),
            "words": words,
            "paper": paper,
            "title": title.format(**facts),
            "text": text.format(**facts),
            "date": facts["day"],
            "contract": invoice.contract,
            "invoice": invoice,
            "step": step,
            "issued": day(invoice.issue_date, words),
            "due": facts["due"],
            "open_of_invoice": paper.open_of_invoice.format(**facts),
            "fees": _fees(step, words, paper),
            "warning": warning.format(**facts),
            "bank": bank_transfer(invoice, amount=step.to_pay.amount),
            "online": paper.pay_online.format(**facts),
            "others": [
                {**other, "due": day(date.fromisoformat(other["due_date"]), words)} for other in step.letter["others"]
            ],
        }
        return render_to_string("payments/reminder.html", context)


def _tone(step: DunningStep, paper: PaperWords) -> tuple[str, str]:
    """Return title and first sentence: friendly at first, plain at last."""
    if step.is_last:
        return paper.last_title, paper.last
    if step.level == 1:
        return paper.first_title, paper.first
    return paper.next_title, paper.next


def _fees(step: DunningStep, words: Words, paper: PaperWords) -> list[dict[str, str]]:
    """Return what is to be paid for this reminder and the ones before it."""
    assert step.letter is not None
    fees = [
        {
            "text": paper.fee.format(level=fee["level"], day=day(date.fromisoformat(fee["taken_on"]), words)),
            "open": fee["open"],
        }
        for fee in step.letter["fees"]
    ]
    return [*fees, {"text": paper.this_fee, "open": str(step.fee.amount)}] if step.fee.amount else fees


def receipt_html(movement: WalletMovement) -> str:
    """Return the receipt of a top-up as HTML in its customer's language; it says that it is no invoice."""
    contract = movement.wallet.contract
    language = contract.customer.language
    words, paper, on = WORDS[language], PAPER_WORDS[language], _local_day(movement)
    taxed = _taxed_part(movement)
    with translation.override(language):
        facts = {"amount": quantities.money(movement.amount), "contract": contract.number}
        whole = {"whole": quantities.money(movement.amount + taxed.amount)} if taxed else {}
        context = {
            **_letterhead(contract.seller, contract.customer, on=on),
            "words": words,
            "paper": paper,
            "title": paper.receipt_title,
            "date": day(on, words),
            "contract": contract,
            "movement": movement,
            "balance": (taxed or movement).balance,
            "received": paper.receipt.format(**facts),
            "also_invoiced": paper.receipt_also_invoiced.format(**whole, number=taxed.invoice) if taxed else "",
        }
        return render_to_string("payments/receipt.html", context)


def _taxed_part(movement: WalletMovement) -> WalletMovement | None:
    """Return the part of the same payment that an invoice states with VAT; it came into the wallet right after."""
    parts = WalletMovement.objects.filter(kind=Kind.TOP_UP, payment=movement.payment, lot__isnull=False)
    return parts.select_related("invoice").first()


def _local_day(movement: WalletMovement) -> date:
    """Return the seller's day on which the money came."""
    day_of: date = movement.moved_at.astimezone(zone(movement.wallet.contract.seller.time_zone)).date()
    return day_of


def _letterhead(seller: Organisation, customer: Customer, *, on: date) -> dict[str, Any]:
    home = [row for row in registrations_of(seller) if row.country == seller.country.code and row.is_valid(on)]
    is_abroad = customer.country != seller.country
    return {
        "seller": {
            **{name: getattr(seller, name) for name in ("name", "street", "postcode", "city", "email", "phone")},
            "country": seller.country.code,
            "registration_number": seller.registration_number,
            "vat_id": home[0].vat_id if home else "",
        },
        "buyer": customer,
        "buyer_country": str(countries.name(customer.country.code)).upper() if is_abroad else "",
    }
