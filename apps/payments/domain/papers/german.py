"""The words of papers about payments in German."""

from typing import Final

from apps.payments.domain.papers.words import PaperWords

GERMAN: Final = PaperWords(
    date="Datum",
    first_title="Zahlungserinnerung zu Rechnung {number}",
    first="Vielleicht ist es Ihnen entgangen: Die Rechnung {number} war am {due} fällig und ist noch nicht vollständig "
    "bezahlt.",
    next_title="{level}. Mahnung zu Rechnung {number}",
    next="Die Rechnung {number} war am {due} fällig und ist {days} Tage danach noch offen.",
    last_title="Letzte Mahnung zu Rechnung {number}",
    last="Die Rechnung {number} war am {due} fällig und ist {days} Tage danach noch offen. Dies ist die letzte "
    "Mahnung.",
    threatens="Ist sie bei der nächsten Mahnung noch offen, werden die Karten des Vertrags {contract} gesperrt.",
    suspends="Die Karten des Vertrags {contract} sind ab {day} gesperrt. Sobald bezahlt ist, gelten sie wieder.",
    invoice="Rechnung",
    invoice_date="vom",
    due_date="Fällig am",
    invoice_amount="Betrag",
    open_amount="Noch offen",
    open_of_invoice="Noch offen von Rechnung {number}",
    fee="Gebühr der {level}. Mahnung, {day}",
    this_fee="Gebühr dieser Mahnung",
    no_vat="Die Mahngebühr ist Schadensersatz und enthält keine Umsatzsteuer.",
    to_pay="Zu zahlen",
    pay_heading="So bezahlen Sie",
    pay_by_bank="Per Überweisung mit diesem Verwendungszweck, damit Rechnung und Gebühren ausgeglichen werden:",
    pay_online="Mit Karte: {address}",
    others_heading="Außerdem offen",
    others="Nicht in der Summe oben enthalten. Jede wird unter ihrer eigenen Nummer bezahlt.",
    crossed="Haben Sie schon bezahlt, betrachten Sie dieses Schreiben bitte als gegenstandslos.",
    receipt_title="Quittung über eine Vorauszahlung",
    receipt="Wir haben {amount} von Ihnen erhalten und Ihrem Guthaben, Vertrag {contract}, gutgeschrieben.",
    receipt_also_invoiced="Insgesamt haben Sie {whole} bezahlt. Der Rest steht auf der Rechnung {number}.",
    received_on="Erhalten am",
    received_by="Bezahlt mit",
    card="Karte",
    received="Erhalten",
    payment_reference="Zahlung",
    balance="Guthaben danach",
    no_invoice="Diese Quittung ist keine Rechnung und weist keine Umsatzsteuer aus. Die Umsatzsteuer entsteht, wenn "
    "Sie laden, und steht auf den Rechnungen, die das Guthaben bezahlt.",
)
