"""Closed months: nothing is posted into one, or into any before it, until its closing is taken back.

Who posts holds a shared lock of the entity's books until the commit; who closes needs it alone and does not wait for
it (``ledger_open_day`` and the trigger below), so that no journal slips into a month while it is being closed.
"""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncMonth

from apps.accounts.tenancy import TenantModel


class Closing(TenantModel):
    """The closing of a month, and with it of all before; reopened, it counts no more and stays as a row."""

    TENANT = ("entity",)

    entity = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    month = models.DateField(help_text="The first day of the month.")
    closed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField("closed")
    reopened_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reopened_at = models.DateTimeField("reopened", null=True, blank=True)
    reason = models.CharField("why it was reopened", max_length=200, blank=True)

    class Meta:
        verbose_name = "closed month"
        ordering = ["-month", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(month=TruncMonth("month")), name="closing_is_of_a_whole_month"),
            models.UniqueConstraint(
                fields=["entity", "month"], condition=Q(reopened_at__isnull=True), name="closing_once_per_month"
            ),
            models.CheckConstraint(
                condition=Q(reopened_at__isnull=True, reopened_by__isnull=True, reason="")
                | Q(reopened_at__isnull=False, reopened_by__isnull=False) & ~Q(reason=""),
                name="closing_reopened_says_who_and_why",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="closing_goes_in_order",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT pg_try_advisory_xact_lock(7341, NEW.entity_id::int) THEN
                        RAISE EXCEPTION 'something is being posted' USING ERRCODE = 'lock_not_available';
                    END IF;
                    IF EXISTS (SELECT 1 FROM ledger_closing WHERE entity_id = NEW.entity_id AND id <> NEW.id
                               AND reopened_at IS NULL AND month > NEW.month) THEN
                        RAISE EXCEPTION 'a later month is closed' USING ERRCODE = 'check_violation';
                    END IF;
                    IF TG_OP = 'UPDATE' AND (OLD.reopened_at IS NOT NULL OR NEW.reopened_at IS NULL
                       OR (OLD.entity_id, OLD.month, OLD.closed_by_id, OLD.closed_at)
                          IS DISTINCT FROM (NEW.entity_id, NEW.month, NEW.closed_by_id, NEW.closed_at)) THEN
                        RAISE EXCEPTION 'a closing is only reopened, once' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="closing_never_deleted",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func="RAISE EXCEPTION 'closings are never deleted' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"
