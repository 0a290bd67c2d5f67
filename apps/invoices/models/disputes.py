"""What a customer says is wrong with a line of an issued document, and how the seller answered."""

import uuid
from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q

from apps.accounts.models import User
from apps.accounts.tenancy import TenantModel
from apps.invoices.domain.line_disputes import DisputeGround, LineDisputeStatus, advance
from apps.invoices.models.documents import Invoice, InvoiceLine

GROUND_WORDS = {
    DisputeGround.NOT_OURS: "This was none of our charges",
    DisputeGround.ENERGY: "The energy is wrong",
    DisputeGround.PRICE: "The price is wrong",
    DisputeGround.TIME: "The time is wrong",
    DisputeGround.TWICE: "It is charged twice",
    DisputeGround.OTHER: "Something else",
}
_ENDED = ["credited", "explained", "withdrawn"]
_WRITTEN_ONCE = """text[] := CASE OLD.status
    WHEN 'open' THEN ARRAY['reply_to', 'status', 'ended_at', 'ended_by_id', 'ended_name', 'answer', 'credit_note_id']
    ELSE ARRAY['reply_to'] END"""


class LineDispute(TenantModel):
    """A line that its customer disputes, until the seller answers with a credit or a reason, or they withdraw it.

    words          what is wrong, in the customer's words
    holds_payment  the first dispute of its line: what is left of the line is not collected or reminded of meanwhile
    answer_by      the seller's day until which it is answered
    opened_by      null: a driver without an account, who left an address in ``reply_to``
    opened_name    copied, since the thread says it for ever · reply_to: where the driver is written to
    ended_by       who answered, or withdrew it; null: the driver · ended_name: copied
    answer         the seller's words; "" where it was withdrawn · credit_note: what took the line back, or a part
    """

    TENANT = ("line__invoice__seller", "line__invoice__customer__organisation")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="disputes")
    ground = models.CharField(max_length=8, choices=[(ground.value, words) for ground, words in GROUND_WORDS.items()])
    words = models.CharField(max_length=2000)
    status = models.CharField(
        max_length=9, choices=[(s.value, s.value) for s in LineDisputeStatus], default=LineDisputeStatus.OPEN
    )
    holds_payment = models.BooleanField()
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    opened_name = models.CharField(max_length=150, blank=True)
    reply_to = models.EmailField(blank=True)
    answer_by = models.DateField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ended_name = models.CharField(max_length=150, blank=True)
    answer = models.CharField(max_length=2000, blank=True)
    credit_note = models.ForeignKey(Invoice, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "disputed line"
        ordering = ["-pk"]
        constraints = [
            # Eight who open one at once meet here.
            models.UniqueConstraint(fields=["line"], condition=Q(status="open"), name="line_dispute_one_open_per_line"),
            models.UniqueConstraint(
                fields=["line"], condition=Q(holds_payment=True), name="line_dispute_holds_payment_once_per_line"
            ),
            models.CheckConstraint(
                condition=Q(ground__in=[ground.value for ground in DisputeGround]), name="line_dispute_ground_is_known"
            ),
            models.CheckConstraint(condition=~Q(words=""), name="line_dispute_says_what_is_wrong"),
            models.CheckConstraint(
                condition=Q(
                    status="open", ended_at__isnull=True, ended_by__isnull=True, answer="", credit_note__isnull=True
                )
                | Q(status="credited", ended_by__isnull=False, credit_note__isnull=False) & ~Q(answer="")
                | Q(status="explained", ended_by__isnull=False, credit_note__isnull=True) & ~Q(answer="")
                | Q(status="withdrawn", answer="", credit_note__isnull=True),
                name="line_dispute_is_answered_by_a_credit_or_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(status="open", ended_at__isnull=True)
                | Q(status__in=_ENDED, ended_at__isnull=False, ended_at__gte=F("opened_at")),
                name="line_dispute_ends_after_it_is_opened",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="line_dispute_of_something_charged",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # Whoever credits the line holds its row too: what is left of it cannot change meanwhile.
                func="""
                    PERFORM 1 FROM invoices_invoiceline WHERE id = NEW.line_id FOR NO KEY UPDATE;
                    IF NEW.status <> 'open' OR NOT EXISTS (
                        SELECT 1 FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
                        WHERE l.id = NEW.line_id AND i.status = 'issued' AND i.kind IN ('invoice', 'receipt')
                        AND coalesce(l.gross, l.net) + (
                            SELECT coalesce(sum(coalesce(c.gross, c.net)), 0) FROM invoices_invoiceline c
                            WHERE c.credits_id = l.id
                        ) > 0
                    ) THEN
                        RAISE EXCEPTION 'only a line that charges something is disputed'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="line_dispute_keeps_what_was_said",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                # A driver's address is nulled by retention; how it ends is written once.
                declare=[("ends", _WRITTEN_ONCE)],
                func="""
                    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - ends IS DISTINCT FROM to_jsonb(NEW) - ends THEN
                        RAISE EXCEPTION 'what was said in a dispute is kept' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.credit_note_id IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM invoices_invoiceline
                        WHERE invoice_id = NEW.credit_note_id AND credits_id = NEW.line_id
                    ) THEN
                        RAISE EXCEPTION 'a dispute is credited by a note that takes its line back'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.get_ground_display()}"

    @property
    def is_open(self) -> bool:
        return self.status == LineDisputeStatus.OPEN

    def set_ended(
        self,
        to: LineDisputeStatus,
        *,
        at: datetime,
        by: User | None,
        answer: str = "",
        credit_note: Invoice | None = None,
    ) -> None:
        """End it for good.

        :raises IllegalMove: it has ended
        """
        self.status = advance(LineDisputeStatus(self.status), to)
        self.ended_at, self.ended_by, self.ended_name = at, by, by.name if by else ""
        self.answer, self.credit_note = answer, credit_note
        self.save()
