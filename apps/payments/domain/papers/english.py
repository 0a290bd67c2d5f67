"""The words of papers about payments in English."""

from typing import Final

from apps.payments.domain.papers.words import PaperWords

ENGLISH: Final = PaperWords(
    date="Date",
    first_title="Reminder of invoice {number}",
    first="Perhaps it slipped your mind: invoice {number} was due on {due} and is not paid in full yet.",
    next_title="Reminder {level} of invoice {number}",
    next="Invoice {number} was due on {due} and is still open, {days} days later.",
    last_title="Last reminder of invoice {number}",
    last="Invoice {number} was due on {due} and is still open, {days} days later. This is the last reminder.",
    threatens="If it is still open at the next reminder, the cards of contract {contract} are blocked.",
    suspends="The cards of contract {contract} are blocked from {day} on. They work again as soon as it is paid.",
    invoice="Invoice",
    invoice_date="of",
    due_date="Due on",
    invoice_amount="Amount",
    open_amount="Still open",
    open_of_invoice="Still open of invoice {number}",
    fee="Fee of reminder {level}, {day}",
    this_fee="Fee of this reminder",
    no_vat="A reminder's fee is compensation; it contains no VAT.",
    to_pay="To be paid",
    pay_heading="How to pay",
    pay_by_bank="By bank transfer, naming this reference, so that it settles this invoice and its fees:",
    pay_online="By card: {address}",
    others_heading="Also open",
    others="Not part of the sum above. Each is paid under its own number.",
    crossed="If you have paid already, please take this letter as settled.",
    receipt_title="Receipt for a payment in advance",
    receipt="We have received {amount} from you and put it into your prepaid wallet, contract {contract}.",
    receipt_also_invoiced="You paid {whole} in all. The rest of it is on invoice {number}.",
    received_on="Received on",
    received_by="Paid by",
    card="Card",
    received="Received",
    payment_reference="Payment",
    balance="In the wallet afterwards",
    no_invoice="This receipt is no invoice and states no VAT. VAT is due when you charge, and is stated on the "
    "invoices that the wallet pays.",
)
