"""Which words there are on a reminder letter and on the receipt of a top-up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperWords:
    """What a paper says besides its facts; {…} is filled in.

    first, next, last  the title of a reminder by its step, and what it says
    """

    date: str
    first_title: str
    first: str
    next_title: str
    next: str
    last_title: str
    last: str
    threatens: str
    suspends: str
    invoice: str
    invoice_date: str
    due_date: str
    invoice_amount: str
    open_amount: str
    open_of_invoice: str
    fee: str
    this_fee: str
    no_vat: str
    to_pay: str
    pay_heading: str
    pay_by_bank: str
    pay_online: str
    others_heading: str
    others: str
    crossed: str
    receipt_title: str
    receipt: str
    receipt_also_invoiced: str
    received_on: str
    received_by: str
    card: str
    received: str
    payment_reference: str
    balance: str
    no_invoice: str
