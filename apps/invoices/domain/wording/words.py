"""What a document says besides its facts: which words there are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a document says besides its facts; ``day``, ``moment``, ``clock`` are CLDR patterns, {…} is filled in."""

    language: str
    day: str
    moment: str
    clock: str
    preview: str
    watermark: str
    preview_note: str
    invoice: str
    receipt: str
    credit_note: str
    simplified_invoice: str
    number: str
    customer_number: str
    contract: str
    issue_date: str
    supply_period: str
    due_date: str
    purchase_order: str
    buyer_reference: str
    vat_id: str
    register: str
    page: str
    of: str
    session: str
    energy: str
    price: str
    net_amount: str
    gross_amount: str
    vehicle: str
    card: str
    cost_centre: str
    cost_centre_reference: str
    no_cost_centre: str
    by_cost_centre: str
    no_energy: str
    prices_contain_vat: str
    prices_without_vat: str
    vat: str
    net_total: str
    gross_total: str
    credit_total: str
    vat_on: str
    contained_vat: str
    credits: str
    credits_receipt: str
    credits_part: str
    part_of_amount: str
    replaces: str
    settled_by_receipt: str
    replaced: str
    reason: str
    how_to_pay: str
    settlement: str
    set_off: str
    top_up: str
    paid_by_card: str
    service: str
    pay_by: str
    nothing_to_pay: str
    credited: str
    payment: str
    paid_by_hold: str
    hold_released: str
    paid_back: str
    on_file: str
    recipient: str
    reference: str
    scan_to_pay: str
    annex: str
    receipt_annex: str
    annex_intro: str
    record: str
    meter_begin: str
    meter_end: str
    signed: str
    signed_verdicts: Mapping[str, str]
    signed_key: str
    read: str
    from_to: str
    meter: str
    unrounded: str
    free_of_charge: str
    categories: Mapping[str, str]
    units: Mapping[str, str]
