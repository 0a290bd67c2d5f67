"""What sessions of the past would have cost under a tariff."""

import json
from datetime import datetime
from functools import lru_cache

from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.analytics.domain.spans import instants_of
from apps.analytics.domain.status import TrialStatus
from apps.analytics.domain.tally import Tally
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.terms import TariffTerms


@lru_cache(maxsize=100)
def _terms_of(document: str) -> TariffTerms:
    """Parse terms once: the engine keeps what it compiled for as long as the same object comes again."""
    return parse_tariff(json.loads(document))


class TariffTrial(TenantModel):
    """What the owner's sessions of some days would have cost under one tariff version, draft or published.

    owner                  whose sessions: the seller of each is this organisation
    first_date, last_date  local days (``time_zone``, the owner's) on which the sessions began, both inclusive
    only_this_tariff       leave out the sessions that another tariff priced
    terms, terms_hash      the version's document as it was when the trial began: a draft goes on being edited
    engine_version         that priced what ``results`` holds
    sessions_total         that the period has; 0 until it runs · sessions_done  looked at so far
    last_started_at, last_session_id  the session looked at last; where a trial that was stopped goes on
    results                ``Tally.as_document`` of what was looked at so far
    heartbeat_at           when it last got further · taken_up  how often it has been taken up since, in vain
    """

    TENANT = ("owner",)

    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    # With a draft that is thrown away go the trials of it.
    tariff_version = models.ForeignKey("tariffs.TariffVersion", on_delete=models.CASCADE, related_name="+")
    first_date = models.DateField("first day")
    last_date = models.DateField("last day")
    time_zone = models.CharField(max_length=64)
    only_this_tariff = models.BooleanField(default=False)
    terms = models.JSONField()
    terms_hash = models.CharField(max_length=64)
    engine_version = models.CharField(max_length=10)
    status = models.CharField(max_length=8, choices=[(s.value, s.value) for s in TrialStatus])
    sessions_total = models.PositiveIntegerField(default=0)
    sessions_done = models.PositiveIntegerField(default=0)
    last_started_at = models.DateTimeField(null=True, blank=True)
    last_session_id = models.BigIntegerField(null=True, blank=True)
    results = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=300, blank=True)
    taken_up = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "tariff trial"
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["heartbeat_at"], condition=Q(ended_at__isnull=True), name="trial_unfinished"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(last_date__gte=F("first_date")), name="trial_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(sessions_done__lte=F("sessions_total")), name="trial_does_no_more_than_its_sessions"
            ),
            models.CheckConstraint(
                condition=Q(sessions_done=0, last_started_at__isnull=True, last_session_id__isnull=True)
                | Q(sessions_done__gt=0, last_started_at__isnull=False, last_session_id__isnull=False),
                name="trial_knows_its_place",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], ended_at__isnull=True, error="")
                | Q(status="done", ended_at__isnull=False, error="")
                | (Q(status="failed", ended_at__isnull=False) & ~Q(error="")),
                name="trial_ends_when_done_or_failed_and_says_why",
            ),
            # Asking twice while the answer is on its way is asking once.
            models.UniqueConstraint(
                fields=["tariff_version", "first_date", "last_date", "only_this_tariff", "terms_hash"],
                condition=Q(status__in=["queued", "running"]),
                name="trial_one_unfinished_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff_version}: {self.first_date} to {self.last_date}"

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    def tariff_terms(self) -> TariffTerms:
        """Return the terms tried as the engine's value; equal terms return the same object.

        :raises TariffError: a later version of the software no longer reads them
        """
        return _terms_of(json.dumps(self.terms, sort_keys=True))

    def tally(self) -> Tally:
        """Return what was added up so far."""
        return Tally.from_document(self.results)

    def span(self) -> tuple[datetime, datetime]:
        """Return the instants its days cover (UTC, half-open)."""
        return instants_of(self.first_date, self.last_date, time_zone=self.time_zone)
