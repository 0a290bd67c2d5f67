"""The words of papers about payments in Dutch."""

from typing import Final

from apps.payments.domain.papers.words import PaperWords

DUTCH: Final = PaperWords(
    date="Datum",
    first_title="Herinnering aan factuur {number}",
    first="Misschien is het u ontgaan: factuur {number} moest op {due} betaald zijn en is nog niet volledig voldaan.",
    next_title="Herinnering {level} aan factuur {number}",
    next="Factuur {number} moest op {due} betaald zijn en staat {days} dagen later nog open.",
    last_title="Laatste herinnering aan factuur {number}",
    last="Factuur {number} moest op {due} betaald zijn en staat {days} dagen later nog open. Dit is de laatste "
    "herinnering.",
    threatens="Staat zij bij de volgende herinnering nog open, dan worden de passen van contract {contract} "
    "geblokkeerd.",
    suspends="De passen van contract {contract} zijn vanaf {day} geblokkeerd. Zodra er betaald is, werken ze weer.",
    invoice="Factuur",
    invoice_date="van",
    due_date="Vervaldatum",
    invoice_amount="Bedrag",
    open_amount="Nog open",
    open_of_invoice="Nog open van factuur {number}",
    fee="Kosten van herinnering {level}, {day}",
    this_fee="Kosten van deze herinnering",
    no_vat="De herinneringskosten zijn een schadevergoeding en bevatten geen btw.",
    to_pay="Te betalen",
    pay_heading="Zo betaalt u",
    pay_by_bank="Per overschrijving met dit kenmerk, zodat deze factuur en haar kosten worden voldaan:",
    pay_online="Met kaart: {address}",
    others_heading="Ook open",
    others="Niet in het bedrag hierboven begrepen. Elke factuur wordt onder haar eigen nummer betaald.",
    crossed="Hebt u al betaald, dan kunt u deze brief als vervallen beschouwen.",
    receipt_title="Ontvangstbewijs van een vooruitbetaling",
    receipt="Wij hebben {amount} van u ontvangen en aan uw tegoed, contract {contract}, toegevoegd.",
    receipt_also_invoiced="In totaal hebt u {whole} betaald. De rest staat op factuur {number}.",
    received_on="Ontvangen op",
    received_by="Betaald met",
    card="Kaart",
    received="Ontvangen",
    payment_reference="Betaling",
    balance="Tegoed daarna",
    no_invoice="Dit ontvangstbewijs is geen factuur en vermeldt geen btw. De btw is verschuldigd wanneer u laadt en "
    "staat op de facturen die het tegoed betaalt.",
)
