"""Print papers about payments, once each: what was told stays as it was told."""

from datetime import date, datetime
from typing import Any

from django.template.loader import render_to_string
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
from apps.invoices.domain.wording import WORDS
from apps.invoices.services.sentences import day
from apps.payments.domain.papers import PAPER_WORDS
from apps.payments.models import WalletMovement
from apps.payments.papers import receipt_key, receipted, unprinted_receipts
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
