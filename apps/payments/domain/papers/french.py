"""The words of papers about payments in French."""

from typing import Final

from apps.payments.domain.papers.words import PaperWords

FRENCH: Final = PaperWords(
    date="Date",
    first_title="Rappel de la facture {number}",
    first="Cela vous a peut-être échappé : la facture {number} était payable le {due} et n'est pas encore entièrement "
    "réglée.",
    next_title="Rappel {level} de la facture {number}",
    next="La facture {number} était payable le {due} et reste ouverte, {days} jours plus tard.",
    last_title="Dernier rappel de la facture {number}",
    last="La facture {number} était payable le {due} et reste ouverte, {days} jours plus tard. Ceci est le dernier "
    "rappel.",
    threatens="Si elle reste ouverte au prochain rappel, les cartes du contrat {contract} seront bloquées.",
    suspends="Les cartes du contrat {contract} sont bloquées à partir du {day}. Elles fonctionneront de nouveau dès le "
    "paiement.",
    invoice="Facture",
    invoice_date="du",
    due_date="Échéance",
    invoice_amount="Montant",
    open_amount="Reste dû",
    open_of_invoice="Reste dû de la facture {number}",
    fee="Frais du rappel {level}, {day}",
    this_fee="Frais de ce rappel",
    no_vat="Les frais de rappel sont une indemnité et ne contiennent pas de TVA.",
    to_pay="À payer",
    pay_heading="Comment payer",
    pay_by_bank="Par virement avec cette référence, afin de régler cette facture et ses frais :",
    pay_online="Par carte : {address}",
    others_heading="Également ouvertes",
    others="Non comprises dans la somme ci-dessus. Chacune se paie sous son propre numéro.",
    crossed="Si vous avez déjà payé, veuillez considérer cette lettre comme sans objet.",
    receipt_title="Reçu d'un paiement d'avance",
    receipt="Nous avons reçu {amount} de votre part et les avons portés sur votre compte prépayé, contrat {contract}.",
    receipt_also_invoiced="Vous avez payé {whole} au total. Le reste figure sur la facture {number}.",
    received_on="Reçu le",
    received_by="Payé par",
    card="Carte",
    received="Reçu",
    payment_reference="Paiement",
    balance="Solde après ce paiement",
    no_invoice="Ce reçu n'est pas une facture et n'indique pas de TVA. La TVA est due lors de la recharge et figure "
    "sur les factures que ce compte paie.",
)
