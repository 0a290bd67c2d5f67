"""Charges of a contract besides sessions and plan: written once, each a line of the next invoice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import Organisation
from apps.contracts.models import Contract
from apps.contracts.registrations import registrations_of
from apps.core.domain.tax import NoTaxRate, SellerNotRegistered, SupplyKind, TaxNotSupported, decide_tax
from apps.invoices.domain.amounts import LineAmounts
from apps.invoices.domain.charge_words import ChargeKind, say_charge
from apps.invoices.domain.supplies import Supply
from apps.invoices.errors import TaxRefused
from apps.invoices.models import ContractCharge, Invoice, InvoiceLine
from apps.invoices.selectors import begin_of_day
from apps.invoices.services.taxes import buyer_status
from apps.invoices.services.text_lines import text_line


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedCharge:
    """A charge that is due and how it is taxed: a service. country: of the seller's VAT"""

    charge: ContractCharge
    supply: Supply
    legal_text: str
    country: str


def write_charge(
    *,
    contract_id: int,
    key: str,
    kind: ChargeKind,
    facts: Mapping[str, Any],
    first_day: date,
    last_day: date,
    amount: Decimal,
    currency: str,
    tax_included: bool,
) -> ContractCharge | None:
    """Let the contract's next invoice list a charge; the same key again changes nothing, zero is no charge."""
    if not amount:
        return None
    charge, _ = ContractCharge.objects.get_or_create(
        key=key,
        defaults={
            "contract_id": contract_id,
            "kind": kind,
            "facts": dict(facts),
            "first_day": first_day,
            "last_day": last_day,
            "amount": amount,
            "currency": currency,
            "tax_included": tax_included,
        },
    )
    return charge


def due_charges(*, seller: Organisation, until_date: date) -> QuerySet[ContractCharge]:
    """Return the charges that are over by a day and on no line, oldest first."""
    return ContractCharge.objects.filter(contract__seller=seller, line__isnull=True, last_day__lte=until_date).order_by(
        "last_day", "pk"
    )


def taxed_charges(contract: Contract, *, until_date: date) -> list[TaxedCharge]:
    """Return the due charges of a contract with their VAT.

    :raises TaxRefused: the rule book gives no VAT for one
    """
    charges = list(due_charges(seller=contract.seller, until_date=until_date).filter(contract=contract))
    if not charges:
        return []
    registrations, buyer = registrations_of(contract.seller), buyer_status(contract.customer)
    country = contract.seller.country.code
    found = []
    for charge in charges:
        try:
            decision = decide_tax(
                supply=SupplyKind.SERVICE,
                country=country,
                seller_registrations=registrations,
                buyer=buyer,
                on=charge.last_day,
            )
        except (SellerNotRegistered, TaxNotSupported, NoTaxRate) as refusal:
            raise TaxRefused(f"a charge of {contract.number} until {charge.last_day}: {refusal}") from refusal
        supply = Supply.of(decision, tax_included=charge.tax_included)
        found.append(TaxedCharge(charge=charge, supply=supply, legal_text=decision.legal_text, country=country))
    return found


def taxed_line(taxed: TaxedCharge, amounts: LineAmounts, *, draft: Invoice, position: int) -> InvoiceLine:
    """Return the unsaved line of a charge."""
    charge = taxed.charge
    text = say_charge(
        ChargeKind(charge.kind),
        charge.facts,
        first=charge.first_day,
        last=charge.last_day,
        currency=charge.currency,
        language=draft.language,
    )
    return text_line(
        draft,
        amounts,
        position=position,
        text=text,
        began_at=begin_of_day(charge.first_day, time_zone=draft.seller.time_zone),
        last_day=charge.last_day,
    )


def keep_lines(charges: Sequence[TaxedCharge], lines: Sequence[InvoiceLine]) -> None:
    """Write which saved line bills which charge."""
    for taxed, line in zip(charges, lines, strict=True):
        taxed.charge.line = line
        taxed.charge.save(update_fields=["line"])
