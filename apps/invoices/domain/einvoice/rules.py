"""The rules of EN 16931-1:2017 (and CEN/TS 16931-3) that an invoice of ours could break, each under its own id.

Our drafts add up by construction; these rules look again at what is about to be sent, and say in words what is missing.
What can only be a mistake of a writer (syntax, code lists) is left to schema and Schematron in the tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT, minor_unit, round_half_up
from apps.invoices.domain.einvoice.terms import EInvoice, Line, Vat

_CENT: Final = Decimal("0.01")
_MOST_DECIMALS: Final = 2
_TRANSFERS: Final = frozenset({"30", "58"})
CATEGORY_NAMES: Final = {
    "S": "standard rated",
    "Z": "zero rated",
    "E": "exempt",
    "AE": "reverse charge",
    "O": "not subject to VAT",
}


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule by its id (``BR-CO-10``), and in words for an operator what breaks it and what to do."""

    rule: str
    words: str

    def __str__(self) -> str:
        return f"{self.words} ({self.rule})"


_Found = Iterator[BrokenRule]


def broken_rules(invoice: EInvoice) -> list[BrokenRule]:
    """Return what keeps a document from being a valid EN 16931 invoice, in the standard's order; [] when it is one."""
    return [broken for check in _CHECKS for broken in check(invoice)]


def _parties(invoice: EInvoice) -> _Found:
    """BR-06 to BR-11, BR-CO-09, BR-CO-26, BR-62, BR-63: who sells and who buys."""
    seller, buyer = invoice.bg4_seller, invoice.bg7_buyer
    if not seller.bt27_name:
        yield BrokenRule("BR-06", "the seller has no name")
    if not buyer.bt44_name:
        yield BrokenRule("BR-07", "the buyer has no name")
    if not seller.bt40_country:
        yield BrokenRule("BR-09", "the seller's address has no country")
    if not buyer.bt55_country:
        yield BrokenRule("BR-11", "the buyer's address has no country")
    for whose, vat_id in ((seller.bt27_name, seller.bt31_vat_id), (buyer.bt44_name, buyer.bt48_vat_id)):
        if vat_id and not _has_prefix(vat_id):
            yield BrokenRule(
                "BR-CO-09",
                f"the VAT identifier {vat_id} of “{whose}” does not begin with the two letters of its country",
            )
    if not (seller.bt31_vat_id or seller.bt30_registration):
        yield BrokenRule(
            "BR-CO-26", f"“{seller.bt27_name}” has neither a VAT identifier nor a number in the company register"
        )
    if seller.bt34_address and not seller.bt34_scheme:
        yield BrokenRule("BR-62", "the seller's electronic address has no scheme")
    if buyer.bt49_address and not buyer.bt49_scheme:
        yield BrokenRule("BR-63", "the buyer's electronic address has no scheme")


def _has_prefix(vat_id: str) -> bool:
    return len(vat_id) > 2 and vat_id[:2].isascii() and vat_id[:2].isalpha() and vat_id[:2].isupper()


def _header(invoice: EInvoice) -> _Found:
    """BR-16, BR-29, BR-55, BR-CO-18, BR-CO-25, BR-61: lines, period, references, how it is paid."""
    if not invoice.bg25_lines:
        yield BrokenRule("BR-16", "it has no lines")
    if invoice.bt74_end < invoice.bt73_start:
        yield BrokenRule("BR-29", "its period ends before it begins")
    if any(not preceding.bt25_number for preceding in invoice.bg3_preceding):
        yield BrokenRule("BR-55", "the document it refers to has no number")
    if not invoice.bg23_vat:
        yield BrokenRule("BR-CO-18", "it states no VAT category")
    if invoice.bg22_totals.bt115_due > 0 and not (invoice.bt9_due_date or invoice.bt20_payment_terms):
        yield BrokenRule("BR-CO-25", "it states neither a due date nor terms of payment")
    if invoice.bg16_payment.bt81_means in _TRANSFERS and not invoice.bg16_payment.bt84_account:
        yield BrokenRule("BR-61", "it is paid by transfer, but the seller has no account (IBAN)")


def _lines(invoice: EInvoice) -> _Found:
    """BR-25, BR-27, BR-30: item, price and period of each line."""
    for line in invoice.bg25_lines:
        if not line.bt153_name:
            yield BrokenRule("BR-25", f"line {line.bt126_id} does not say what it is about")
        if line.bt146_price < 0:
            yield BrokenRule("BR-27", f"the price of line {line.bt126_id} is negative")
        if line.bt134_start and line.bt135_end and line.bt135_end < line.bt134_start:
            yield BrokenRule("BR-30", f"the period of line {line.bt126_id} ends before it begins")


def _totals(invoice: EInvoice) -> _Found:
    """BR-CO-10, 13, 14, 15, 16: the sums, to the cent."""
    totals = invoice.bg22_totals
    lines = sum((line.bt131_amount for line in invoice.bg25_lines), Decimal(0))
    tax = sum((vat.bt117_tax for vat in invoice.bg23_vat), Decimal(0))
    for rule, stated, computed, what in (
        ("BR-CO-10", totals.bt106_lines, lines, "the sum of its lines (BT-106)"),
        ("BR-CO-13", totals.bt109_net, totals.bt106_lines, "the total without VAT (BT-109)"),
        ("BR-CO-14", totals.bt110_tax, tax, "the VAT (BT-110)"),
        ("BR-CO-15", totals.bt112_gross, totals.bt109_net + totals.bt110_tax, "the total with VAT (BT-112)"),
        ("BR-CO-16", totals.bt115_due, totals.bt112_gross - totals.bt113_paid, "the amount due (BT-115)"),
    ):
        if stated != computed:
            yield BrokenRule(rule, f"{what} is {stated} where {computed} {invoice.bt5_currency} is right")


def _decimals(invoice: EInvoice) -> _Found:
    """BR-DEC-09 to BR-DEC-23: no amount has more than two decimals, so that no invoice in dinars is one."""
    if minor_unit(invoice.bt5_currency) > _MOST_DECIMALS:
        yield BrokenRule(
            "BR-DEC-23", f"amounts in {invoice.bt5_currency} have three decimals, electronic invoices at most two"
        )


def _vat_amounts(invoice: EInvoice) -> _Found:
    """BR-CO-17, BR-<category>-08 and -09: basis and tax of each category and rate."""
    for vat in invoice.bg23_vat:
        lines = [
            line
            for line in invoice.bg25_lines
            if (line.bt151_category, line.bt152_rate) == (vat.bt118_category, vat.bt119_rate)
        ]
        basis = sum((line.bt131_amount for line in lines), Decimal(0))
        if basis != vat.bt116_basis:
            yield BrokenRule(
                f"BR-{vat.bt118_category}-08",
                f"the basis of VAT {_named(vat)} is {vat.bt116_basis} where its lines give {basis}",
            )
        rate = vat.bt119_rate or Decimal(0)
        tax = round_half_up(
            EXACT.divide(EXACT.multiply(vat.bt116_basis, rate), Decimal(100)), currency=invoice.bt5_currency
        )
        if abs(vat.bt117_tax - tax) > _tolerance(invoice, lines, rate):
            yield BrokenRule("BR-CO-17", f"VAT {_named(vat)} on {vat.bt116_basis} is {tax}, not {vat.bt117_tax}")


def _tolerance(invoice: EInvoice, lines: list[Line], rate: Decimal) -> Decimal:
    """Return by how much a category's tax may differ from basis × rate.

    Nothing, where lines are priced without VAT. Where they are priced with it the tax is what their gross amounts
    contain, and each line's net amount was rounded: half a cent a line, with the VAT on it, and a cent at the end. The
    standard's own validation allows less than one whole unit of the currency.
    """
    if not invoice.vat_is_contained:
        return Decimal(0)
    per_line = EXACT.multiply(_CENT / 2, 1 + rate / 100)
    return min(per_line * len(lines) + _CENT, Decimal("0.99"))


def _vat_categories(invoice: EInvoice) -> _Found:
    """BR-S, BR-Z, BR-E, BR-AE and BR-O, 01 to 12: what each category asks of parties, rates and reasons."""
    stated = {(vat.bt118_category, vat.bt119_rate) for vat in invoice.bg23_vat}
    for category, rate in sorted({(line.bt151_category, line.bt152_rate) for line in invoice.bg25_lines}, key=str):
        if (category, rate) not in stated:
            yield BrokenRule(f"BR-{category}-01", f"its VAT breakdown lacks category {category} at {rate} %")
    for vat in invoice.bg23_vat:
        yield from _vat_category(invoice, vat)


def _vat_category(invoice: EInvoice, vat: Vat) -> _Found:
    category, seller, buyer = vat.bt118_category, invoice.bg4_seller, invoice.bg7_buyer
    has_reason = bool(vat.bt120_reason or vat.bt121_reason_code)
    if category not in CATEGORY_NAMES:
        yield BrokenRule("BR-CL-17", f"{category} is no VAT category")
        return
    if category == "O":
        yield from _outside_scope(invoice)
    elif not (seller.bt31_vat_id or seller.bt32_tax_id):
        yield BrokenRule(f"BR-{category}-02", f"“{seller.bt27_name}” has no VAT identifier")
    if category == "AE" and not buyer.bt48_vat_id:
        yield BrokenRule("BR-AE-02", f"“{buyer.bt44_name}” owes the VAT, but has no VAT identifier")
    if category == "S" and not (vat.bt119_rate and vat.bt119_rate > 0):
        yield BrokenRule("BR-S-05", "a standard rated supply has a rate above zero")
    if category in {"Z", "E", "AE"} and vat.bt119_rate != 0:
        yield BrokenRule(f"BR-{category}-05", f"a supply that is {CATEGORY_NAMES[category]} has a rate of zero")
    if category != "S" and vat.bt117_tax:
        yield BrokenRule(f"BR-{category}-09", f"a supply that is {CATEGORY_NAMES[category]} bears no VAT")
    if category in {"S", "Z"} and has_reason:
        yield BrokenRule(f"BR-{category}-10", f"a supply that is {CATEGORY_NAMES[category]} states no exemption")
    if category in {"E", "AE", "O"} and not has_reason:
        yield BrokenRule(f"BR-{category}-10", f"why no VAT is charged ({CATEGORY_NAMES[category]}) is not said")


def _outside_scope(invoice: EInvoice) -> _Found:
    """BR-O-02, BR-O-11, BR-O-12: a document outside the scope of VAT states no identifier and no other category."""
    if invoice.bg4_seller.bt31_vat_id or invoice.bg7_buyer.bt48_vat_id:
        yield BrokenRule("BR-O-02", "a document that is not subject to VAT states no VAT identifier")
    if len(invoice.bg23_vat) > 1:
        yield BrokenRule("BR-O-11", "what is not subject to VAT needs a document of its own")


def _named(vat: Vat) -> str:
    return vat.bt118_category if vat.bt119_rate is None else f"{vat.bt118_category} {vat.bt119_rate.normalize():f} %"


_CHECKS: Final[tuple[Callable[[EInvoice], _Found], ...]] = (
    _parties,
    _header,
    _lines,
    _totals,
    _decimals,
    _vat_amounts,
    _vat_categories,
)
