"""Why a document is refused: the world's reasons, in words for an operator."""


class DocumentRefused(Exception):
    """A document cannot be drafted, issued or credited as things stand; nothing was written."""


class TaxRefused(DocumentRefused):
    """The rule book knows no VAT for this supply: no registration, no rate or no rule; the message names which."""


class TaxDisagrees(DocumentRefused):
    """A charge record was rated with another VAT rate than the rule book gives for its day and place."""


class PlanRefused(DocumentRefused):
    """A contract's plan cannot be applied to what its sessions came to; the message names plan, days and why."""


class NothingToIssue(DocumentRefused):
    """The document has no lines."""


class AmountsDisagree(DocumentRefused):
    """Lines, VAT categories and totals do not agree by the rule (EN 16931 BR-CO-10, 14, 15)."""


class PartyIncomplete(DocumentRefused):
    """The seller or the buyer lacks legal data that a document must print; the message names it."""


class NotElectronic(DocumentRefused):
    """The customer wants an electronic invoice and this is none; the message names all that is missing."""


class NotBilledAgain(DocumentRefused):
    """The invoice cannot be billed again; the message says why."""


class NotCreditable(DocumentRefused):
    """Only an issued invoice or receipt is credited, never a draft or a credit note."""


class NotReplaceable(DocumentRefused):
    """No full invoice stands in this receipt's stead; the message says why, for the driver."""


class NotForReceipt(DocumentRefused):
    """A charge record is not an anonymous driver's, or its session is not settled: no receipt is written for it."""


class DraftOutdated(DocumentRefused):
    """What a draft bills has changed since it was written: a newer revision, a review, a hold."""


class RunRefused(DocumentRefused):
    """A billing run cannot be started, approved or given up as it stands; the message says why."""


class HoldRefused(DocumentRefused):
    """Nothing is held back or let go: it is billed already, held already, or the reason is empty."""


class DisputeRefused(DocumentRefused):
    """A line cannot be disputed, or its dispute not ended, as things stand; the message says why, for whoever asked."""
