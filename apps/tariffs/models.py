"""Prices over time. A ``Tariff`` is a stable identity; what it costs is said by its versions.

A version is written as a draft and frozen when published; only published versions price sessions. The database refuses
to change a published version, to delete one, and to publish two for one moment.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Self

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from apps.accounts.models import validate_currency
from apps.accounts.tenancy import TenantModel, TenantQuerySet
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.status import VersionState, VersionStatus, state_at
from apps.tariffs.domain.terms import TariffTerms


@lru_cache(maxsize=1_000)
def _terms_of(document: str) -> TariffTerms:
    """Parse a version's document once: the engine keeps what it compiled for as long as the same object comes again."""
    return parse_tariff(json.loads(document))


class Tariff(TenantModel):
    TENANT = ("owner",)

    owner = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="tariff_name_unique_per_owner")]

    def __str__(self) -> str:
        return self.name


class TariffVersionQuerySet(TenantQuerySet):
    def published(self) -> Self:
        """Return the versions that may price a session at some moment; drafts never do."""
        return self.filter(status=VersionStatus.PUBLISHED)

    def in_force(self, at: datetime) -> Self:
        """Return the versions that price a session starting at ``at``: at most one a tariff."""
        return self.published().filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at), valid_from__lte=at)

    def drafts(self) -> Self:
        return self.filter(status=VersionStatus.DRAFT)


class TariffVersion(TenantModel):
    """What a tariff says from ``valid_from`` until ``valid_to`` (half-open, UTC; null = open).

    status    stored: draft or published; whether it is in force or superseded says ``state_at``
    elements  OCPI 2.2.1 TariffElement list; prices are decimal strings, net or gross as ``tax_included`` says
    rules     the tariff-wide fields of the document that are set: min_price, max_price, idle, holidays, zero_energy,
              settle_after (shapes: ``parse_tariff``)
    texts     language → what the driver is told besides the prices, by the owner; never a price
    edit_no   raised by every save of the draft, so that two people see a conflict and not a lost edit
    used_at   when the first session took it; from then on only ``valid_to`` may change, and no end that has passed
    """

    TENANT = ("tariff__owner",)

    tariff = models.ForeignKey(Tariff, on_delete=models.PROTECT, related_name="versions")
    status = models.CharField(
        max_length=10,
        choices=[(status.value, status.value) for status in VersionStatus],
        default=VersionStatus.DRAFT.value,
        editable=False,
    )
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, validators=[validate_currency])
    tax_included = models.BooleanField(help_text="Whether prices contain VAT (OCPI tax_included).")
    elements = models.JSONField(default=list)
    rules = models.JSONField(default=dict, blank=True)
    texts = models.JSONField(default=dict, blank=True)
    edit_no = models.PositiveIntegerField(default=1, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)
    edited_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = TariffVersionQuerySet.as_manager()

    class Meta:
        ordering = ["tariff", "-valid_from", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tariff_version_ends_after_start",
            ),
            # Together the next two refuse any third status as well.
            models.CheckConstraint(
                condition=Q(status=VersionStatus.DRAFT.value)
                | Q(valid_from__isnull=False, published_at__isnull=False) & ~Q(elements=[]),
                name="tariff_version_published_with_start_and_prices",
            ),
            models.CheckConstraint(
                condition=Q(status=VersionStatus.PUBLISHED.value)
                | Q(
                    valid_from__isnull=True,
                    valid_to__isnull=True,
                    published_at__isnull=True,
                    published_by__isnull=True,
                    used_at__isnull=True,
                ),
                name="tariff_version_draft_is_neither_dated_nor_used",
            ),
            ExclusionConstraint(
                name="tariff_version_one_at_a_time",
                expressions=[
                    ("tariff", RangeOperators.EQUAL),
                    (
                        Func(
                            "valid_from",
                            "valid_to",
                            RangeBoundary(),
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(status=VersionStatus.PUBLISHED.value),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="tariff_version_frozen_when_used",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF OLD.used_at IS NOT NULL THEN
                        IF TG_OP = 'DELETE' THEN
                            RAISE EXCEPTION 'a used tariff version is never deleted'
                                USING ERRCODE = 'restrict_violation';
                        END IF;
                        IF (to_jsonb(OLD) - 'valid_to') IS DISTINCT FROM (to_jsonb(NEW) - 'valid_to') THEN
                            RAISE EXCEPTION 'a used tariff version is frozen but for valid_to'
                                USING ERRCODE = 'restrict_violation';
                        END IF;
                        IF OLD.valid_to IS DISTINCT FROM NEW.valid_to
                           AND (OLD.valid_to <= now() OR NEW.valid_to < now()) THEN
                            RAISE EXCEPTION 'the end of a used tariff version moves only from and to what lies ahead'
                                USING ERRCODE = 'restrict_violation';
                        END IF;
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="tariff_version_frozen_when_published",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status=VersionStatus.PUBLISHED.value),
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'a published tariff version is never deleted'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.status = 'draft' THEN
                        IF OLD.valid_from <= now() THEN
                            RAISE EXCEPTION 'a tariff version that was in force is not withdrawn'
                                USING ERRCODE = 'restrict_violation';
                        END IF;
                    ELSIF (to_jsonb(OLD) - 'valid_to' - 'used_at')
                          IS DISTINCT FROM (to_jsonb(NEW) - 'valid_to' - 'used_at') THEN
                        RAISE EXCEPTION 'a published tariff version is frozen but for valid_to'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        if self.valid_from is None:
            return f"{self.tariff}, draft {self.pk}"
        return f"{self.tariff} from {self.valid_from:%Y-%m-%d}"

    @property
    def is_draft(self) -> bool:
        return self.status == VersionStatus.DRAFT

    def state_at(self, at: datetime) -> VersionState:
        """Return whether it is a draft, scheduled, in force or superseded at an instant."""
        return state_at(VersionStatus(self.status), valid_from=self.valid_from, valid_to=self.valid_to, at=at)

    def is_in_force(self, at: datetime) -> bool:
        """Whether it prices a session that starts at ``at``, as ``TariffVersion.objects.in_force`` asks of rows."""
        return self.state_at(at) is VersionState.IN_FORCE

    def set_content(self, *, document: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Take over a tariff document that ``parse_tariff`` accepts, and the owner's texts; does not save."""
        rules = dict(document)
        self.currency = rules.pop("currency")
        self.tax_included = rules.pop("tax_included") == "YES"
        self.elements = rules.pop("elements")
        self.rules = rules
        self.texts = dict(texts)

    def document(self) -> dict[str, object]:
        """Return the version as the tariff document that ``parse_tariff`` reads."""
        return {
            "currency": self.currency,
            "tax_included": "YES" if self.tax_included else "NO",
            "elements": self.elements,
            **self.rules,
        }

    def note(self, language: str) -> str:
        """Return what the driver is told besides the prices: in that language, else in English, else nothing."""
        return str(self.texts.get(language) or self.texts.get("en", ""))

    def terms(self) -> TariffTerms:
        """Return the version as the engine's value; equal versions return the same object."""
        return _terms_of(json.dumps(self.document(), sort_keys=True))
