"""What Germany's XRechnung 3.0 asks besides EN 16931 (BR-DE, and the rules it takes from Peppol)."""

from collections.abc import Iterator

from apps.invoices.domain.einvoice.rules import BrokenRule
from apps.invoices.domain.einvoice.terms import EInvoice

PROFILE = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_FEWEST_DIGITS = 3


def broken_rules(invoice: EInvoice) -> list[BrokenRule]:
    """Return what keeps a valid EN 16931 invoice from being an XRechnung; [] when it is one."""
    return [*_references(invoice), *_contact(invoice), *_addresses(invoice)]


def _references(invoice: EInvoice) -> Iterator[BrokenRule]:
    if not invoice.bg16_payment.bt81_means:
        yield BrokenRule("BR-DE-1", "it does not say how it is paid")
    if not invoice.bt10_buyer_reference:
        yield BrokenRule(
            "BR-DE-15", "the contract has no buyer reference: ask the customer for theirs, often a Leitweg-ID"
        )


def _contact(invoice: EInvoice) -> Iterator[BrokenRule]:
    seller, contact = invoice.bg4_seller, invoice.bg4_seller.bg6_contact
    if not contact.bt41_name:
        yield BrokenRule("BR-DE-5", f"“{seller.bt27_name}” names nobody to ask")
    if sum(character.isdigit() for character in contact.bt42_phone) < _FEWEST_DIGITS:
        yield BrokenRule(
            "BR-DE-6", f"“{seller.bt27_name}” has no telephone number: add it to the organisation's legal data"
        )
    if not contact.bt43_email:
        yield BrokenRule("BR-DE-7", f"“{seller.bt27_name}” has no e-mail address")


def _addresses(invoice: EInvoice) -> Iterator[BrokenRule]:
    seller, buyer = invoice.bg4_seller, invoice.bg7_buyer
    for rule, value, words in (
        ("BR-DE-3", seller.bt37_city, "the seller's address has no city"),
        ("BR-DE-4", seller.bt38_postcode, "the seller's address has no postcode"),
        ("BR-DE-8", buyer.bt52_city, "the buyer's address has no city"),
        ("BR-DE-9", buyer.bt53_postcode, "the buyer's address has no postcode"),
        ("PEPPOL-EN16931-R020", seller.bt34_address, "the seller has no electronic address"),
        ("PEPPOL-EN16931-R010", buyer.bt49_address, "the customer has no electronic address"),
    ):
        if not value:
            yield BrokenRule(rule, words)
