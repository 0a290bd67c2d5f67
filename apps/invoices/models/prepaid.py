"""Which charge records of prepaid contracts may be billed: the app that keeps the wallets says so, once a record."""

from django.db import models

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import append_only


class PrepaidRecord(TenantModel):
    """A charge record that its contract's wallet has paid for, or could not; only then is it due to be billed.

    is_taxed_before  its VAT was due when the wallet was topped up, so no document bills it
    """

    TENANT = ("cdr__session__seller", "cdr__session__contract__customer__organisation")

    cdr = models.OneToOneField("charging_sessions.Cdr", on_delete=models.PROTECT, related_name="+")
    is_taxed_before = models.BooleanField(default=False)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        triggers = append_only("prepaid_record_append_only", what="decisions on prepaid records")

    def __str__(self) -> str:
        return f"{self.cdr}: {'taxed at top-up' if self.is_taxed_before else 'to be billed'}"
