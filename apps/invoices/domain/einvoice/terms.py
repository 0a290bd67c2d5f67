"""What an invoice says, in the terms of EN 16931-1:2017: a tree of plain values named by their BT and BG numbers.

Amounts are rounded, in the invoice's currency (BT-5), and have a credit note's sign: what is credited is positive.
Rates are percentages (19, not 0.19). An empty text or None means that the term is not stated.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

INVOICE: Final = "380"
CREDIT_NOTE: Final = "381"
"""UNTDID 1001 codes of BT-3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerContact:
    """BG-6: whom to ask."""

    bt41_name: str
    bt42_phone: str
    bt43_email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """BG-4 with its postal address (BG-5) and contact (BG-6).

    bt31_vat_id  with the country's letters · bt32_tax_id  in its stead where no VAT identifier may be stated
    bt34_scheme  of the electronic address, a code of the EAS list
    """

    bt27_name: str
    bt30_registration: str
    bt31_vat_id: str
    bt32_tax_id: str
    bt34_address: str
    bt34_scheme: str
    bt35_street: str
    bt37_city: str
    bt38_postcode: str
    bt40_country: str
    bg6_contact: SellerContact


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """BG-7 with its postal address (BG-8)."""

    bt44_name: str
    bt46_number: str
    bt48_vat_id: str
    bt49_address: str
    bt49_scheme: str
    bt50_street: str
    bt52_city: str
    bt53_postcode: str
    bt55_country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """BG-16 with the account to transfer to (BG-17).

    bt81_means  UNTDID 4461: 58 SEPA transfer, 30 other transfer, 68 online, 97 set off
    """

    bt81_means: str
    bt83_reference: str
    bt84_account: str
    bt85_holder: str
    bt86_bic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preceding:
    """BG-3: the document that is credited or replaced."""

    bt25_number: str
    bt26_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vat:
    """BG-23: one VAT category and rate. bt119_rate None: not subject to VAT."""

    bt116_basis: Decimal
    bt117_tax: Decimal
    bt118_category: str
    bt119_rate: Decimal | None
    bt120_reason: str = ""
    bt121_reason_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """BG-25 with its period (BG-26), price (BG-29), VAT (BG-30) and item (BG-31).

    bt129_quantity  negative where the line takes something back · bt130_unit  UN/ECE Rec. 20: KWH, MIN, HUR, C62
    bt146_price     net, per unit, never negative; quantity × price gives the amount to the cent, but for a cent that
                    was allotted so that lines add up
    """

    bt126_id: str
    bt129_quantity: Decimal
    bt130_unit: str
    bt131_amount: Decimal
    bt133_cost_centre: str
    bt134_start: date | None
    bt135_end: date | None
    bt146_price: Decimal
    bt151_category: str
    bt152_rate: Decimal | None
    bt153_name: str
    bt154_description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """BG-22. bt113_paid: what was paid before the document was issued."""

    bt106_lines: Decimal
    bt109_net: Decimal
    bt110_tax: Decimal
    bt112_gross: Decimal
    bt113_paid: Decimal
    bt115_due: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoice:
    """An invoice (380) or credit note (381).

    bt1_number      "" while it is checked before the number is drawn
    bt22_notes      one text each (BG-1)
    vat_is_contained  the lines were priced with VAT, so that the tax is what their gross amounts contain
    """

    bt1_number: str
    bt2_issue_date: date
    bt3_type: str
    bt5_currency: str
    bt9_due_date: date | None
    bt10_buyer_reference: str
    bt12_contract: str
    bt13_purchase_order: str
    bt20_payment_terms: str
    bt22_notes: tuple[str, ...]
    bg3_preceding: tuple[Preceding, ...]
    bg4_seller: Seller
    bg7_buyer: Buyer
    bt73_start: date
    bt74_end: date
    bg16_payment: Payment
    bg22_totals: Totals
    bg23_vat: tuple[Vat, ...]
    bg25_lines: tuple[Line, ...]
    vat_is_contained: bool = False

    @property
    def is_credit_note(self) -> bool:
        return self.bt3_type == CREDIT_NOTE
