"""Which numbers a seller's accountant uses: a chart chosen from a month on, and single numbers changed in it.

Rows are only added. What holds on a day is the newest chart that begins on it or before, and of each of its numbers
the newest; none of them begins in a closed month, so what a closed month says stays.
"""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncMonth

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import append_only
from apps.ledger.domain.charts import CHART_NAMES

_NOT_CLOSED: Final = """
    IF ledger_open_day({entity}, NEW.valid_from) > NEW.valid_from THEN
        RAISE EXCEPTION 'a chart never changes in a closed month' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


def _not_in_a_closed_month(name: str, *, entity: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name, when=pgtrigger.Before, operation=pgtrigger.Insert, func=_NOT_CLOSED.format(entity=entity)
    )


class Chart(TenantModel):
    """A seller's chart of accounts from a month on.

    account_length     digits of an account (DATEV: Sachkontenlänge)
    consultant_number  DATEV: Beraternummer · client_number: Mandantennummer; null: not told
    year_begins        month in which the financial year begins
    """

    TENANT = ("entity",)

    entity = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=13, choices=[(kind.value, name) for kind, name in CHART_NAMES.items()])
    valid_from = models.DateField("from")
    account_length = models.PositiveSmallIntegerField("digits of an account", default=4)
    consultant_number = models.PositiveIntegerField("DATEV consultant", null=True, blank=True)
    client_number = models.PositiveIntegerField("DATEV client", null=True, blank=True)
    year_begins = models.PositiveSmallIntegerField("month in which the year begins", default=1)
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        verbose_name = "chart of accounts"
        verbose_name_plural = "charts of accounts"
        ordering = ["-valid_from", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in CHART_NAMES]), name="chart_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(valid_from=TruncMonth("valid_from")), name="chart_begins_on_the_first_of_a_month"
            ),
            models.CheckConstraint(condition=Q(account_length__range=(4, 8)), name="chart_accounts_have_4_to_8_digits"),
            models.CheckConstraint(condition=Q(year_begins__range=(1, 12)), name="chart_year_begins_in_a_month"),
            models.CheckConstraint(
                condition=Q(consultant_number__isnull=True) | Q(consultant_number__range=(1001, 9_999_999)),
                name="chart_consultant_number_is_datevs",
            ),
            models.CheckConstraint(
                condition=Q(client_number__isnull=True) | Q(client_number__range=(1, 99_999)),
                name="chart_client_number_is_datevs",
            ),
        ]
        triggers = [
            *append_only("chart_append_only", what="charts"),
            _not_in_a_closed_month("chart_not_in_a_closed_month", entity="NEW.entity_id"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} from {self.valid_from:%B %Y}"


class AccountNumber(TenantModel):
    """A number of the seller's own in a chart, from a month on.

    role          ``Role``; no choices here, so that a new role needs no migration
    vat           for entries under which VAT (``charts.vat_keys``); blank: all others
    is_automatic  the accountant's software takes the VAT out of what is posted there
    """

    TENANT = ("chart__entity",)

    chart = models.ForeignKey(Chart, on_delete=models.PROTECT, related_name="numbers")
    role = models.CharField(max_length=20)
    vat = models.CharField(max_length=16, blank=True)
    number = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    is_automatic = models.BooleanField(default=False)
    valid_from = models.DateField()
    decided_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(number=""), name="account_number_is_not_empty"),
            models.CheckConstraint(
                condition=Q(valid_from=TruncMonth("valid_from")), name="account_number_begins_on_the_first_of_a_month"
            ),
        ]
        triggers = [
            *append_only("account_number_append_only", what="account numbers"),
            _not_in_a_closed_month(
                "account_number_not_in_a_closed_month",
                entity="(SELECT entity_id FROM ledger_chart WHERE id = NEW.chart_id)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"
