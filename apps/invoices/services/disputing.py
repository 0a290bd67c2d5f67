"""A customer disputes a line of an issued document; the seller answers with a credit or a reason; or it is withdrawn.

Each locks the document behind its contract, as crediting does, then the dispute: whoever comes second sees the first.
The credit itself is written by whoever can give its money back too (payments, ``line_disputes``).
"""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.core.bells import ring_on_commit
from apps.core.domain.moves import IllegalMove
from apps.core.domain.zones import zone
from apps.invoices.disputed import standings_of_lines
from apps.invoices.domain.line_disputes import DisputeGround, LineDisputeStatus, answered_by
from apps.invoices.errors import DisputeRefused
from apps.invoices.models import Invoice, InvoiceLine, LineDispute
from apps.invoices.services.dispute_letters import tell_answered, tell_opened
from apps.invoices.services.documents import lock_document


@transaction.atomic
def open_dispute(
    *, line_id: int, ground: DisputeGround, words: str, at: datetime, by: User | None, reply_to: str = ""
) -> LineDispute:
    """Say what is wrong with a line. The same said again while it is open returns the first result.

    by  a customer's user; None: a driver without an account, who is answered at ``reply_to``

    :raises DisputeRefused: it is disputed already, nothing is left of it, or nothing is said
    """
    said = words.strip()[:2000]
    if not said:
        raise DisputeRefused("Say what is wrong.")
    invoice_id = InvoiceLine.objects.values_list("invoice_id", flat=True).get(pk=line_id)
    invoice = lock_document(invoice_id)
    line = InvoiceLine.objects.select_related("invoice").get(pk=line_id)
    standing = standings_of_lines([line])[line.pk]
    waiting = standing.open_dispute
    if waiting is not None:
        if (waiting.words, waiting.opened_by_id) == (said, by.pk if by else None):
            return waiting
        raise DisputeRefused("This line is disputed already.")
    if not standing.is_disputable:
        raise DisputeRefused("Nothing of this line is charged, or all of it was credited.")
    dispute: LineDispute = LineDispute.objects.create(
        line=line,
        ground=ground,
        words=said,
        holds_payment=standing.would_hold_payment,
        opened_at=at,
        opened_by=by,
        opened_name=str(by) if by else "",
        reply_to=reply_to,
        answer_by=answered_by(at.astimezone(zone(invoice.seller.time_zone)).date()),
    )
    tell_opened(dispute, at=at)
    return dispute


@transaction.atomic
def withdraw_dispute(*, dispute_id: int, at: datetime, by: User | None) -> LineDispute:
    """End a dispute for its customer; doing it again changes nothing.

    :raises DisputeRefused: the seller has answered it
    """
    dispute = lock_dispute(dispute_id)
    if dispute.status == LineDisputeStatus.WITHDRAWN:
        return dispute
    _end(dispute, LineDisputeStatus.WITHDRAWN, at=at, by=by)
    return dispute


@transaction.atomic
def answer_with_reason(*, dispute_id: int, answer: str, at: datetime, by: User) -> LineDispute:
    """Say why the line is right; what it held back is owed as before. The same said again changes nothing.

    :raises DisputeRefused: it has ended otherwise, or no reason is given
    """
    said = words_of(answer)
    dispute = lock_dispute(dispute_id)
    if (dispute.status, dispute.answer) == (LineDisputeStatus.EXPLAINED, said):
        return dispute
    _end(dispute, LineDisputeStatus.EXPLAINED, at=at, by=by, answer=said)
    tell_answered(dispute, at=at)
    return dispute


def answer_with_credit(dispute: LineDispute, *, credit_note: Invoice, answer: str, at: datetime, by: User) -> None:
    """Answer a locked dispute with the note that takes its line back, whole or in part.

    :raises DisputeRefused: it has ended
    """
    _end(dispute, LineDisputeStatus.CREDITED, at=at, by=by, answer=answer, credit_note=credit_note)
    tell_answered(dispute, at=at)


def lock_dispute(dispute_id: int) -> LineDispute:
    """Lock a dispute behind its document."""
    found = LineDispute.objects.values_list("line__invoice_id", flat=True).get(pk=dispute_id)
    lock_document(found)
    dispute: LineDispute = (
        LineDispute.objects.select_for_update(of=("self",))
        .select_related("line__invoice__seller", "line__invoice__customer", "opened_by")
        .get(pk=dispute_id)
    )
    return dispute


def words_of(answer: str) -> str:
    """Return an answer as it is kept.

    :raises DisputeRefused: there are no words
    """
    if not answer.strip():
        raise DisputeRefused("Say why: the customer reads it.")
    return answer.strip()[:2000]


def _end(
    dispute: LineDispute,
    to: LineDisputeStatus,
    *,
    at: datetime,
    by: User | None,
    answer: str = "",
    credit_note: Invoice | None = None,
) -> None:
    try:
        dispute.set_ended(to, at=at, by=by, answer=answer, credit_note=credit_note)
    except IllegalMove as refusal:
        how = {
            LineDisputeStatus.CREDITED: "It was answered with a credit",
            LineDisputeStatus.EXPLAINED: "It was answered with a reason",
            LineDisputeStatus.WITHDRAWN: "It was withdrawn",
        }[LineDisputeStatus(dispute.status)]
        raise DisputeRefused(f"{how} meanwhile. Look at how it stands now.") from refusal
    # What it held back is owed again; after a credit the note's own bell says the rest.
    ring_on_commit("invoice.undisputed", id=dispute.line.invoice_id)
