"""Prices over time. A ``Tariff`` is a stable identity; its versions are immutable once a session has used them."""

import json
from functools import lru_cache

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q

from apps.accounts.models import validate_currency
from apps.accounts.tenancy import TenantModel
from apps.tariffs.domain.parse import TariffError, parse_tariff
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


class TariffVersion(TenantModel):
    """What a tariff says from ``valid_from`` until ``valid_to`` (half-open, UTC; null = open).

    elements  OCPI 2.2.1 TariffElement list; prices are decimal strings, net or gross as ``tax_included`` says
    used_at   when the first session took it; from then on only ``valid_to`` may change: once, not into the past
    """

    TENANT = ("tariff__owner",)

    tariff = models.ForeignKey(Tariff, on_delete=models.PROTECT, related_name="versions")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, validators=[validate_currency])
    tax_included = models.BooleanField(help_text="Whether prices contain VAT (OCPI tax_included).")
    elements = models.JSONField()
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["tariff", "-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tariff_version_ends_after_start",
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
                           AND (OLD.valid_to IS NOT NULL OR NEW.valid_to < now()) THEN
                            RAISE EXCEPTION 'valid_to of a used tariff version is set once and not into the past'
                                USING ERRCODE = 'restrict_violation';
                        END IF;
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.tariff} from {self.valid_from:%Y-%m-%d}"

    def document(self) -> dict[str, object]:
        """Return the version as an OCPI-shaped tariff document."""
        return {
            "currency": self.currency,
            "tax_included": "YES" if self.tax_included else "NO",
            "elements": self.elements,
        }

    def terms(self) -> TariffTerms:
        """Return the version as the engine's value; equal versions return the same object."""
        return _terms_of(json.dumps(self.document(), sort_keys=True))

    def clean(self) -> None:
        try:
            parse_tariff(self.document())
        except TariffError as error:
            raise ValidationError(
                {"elements": [f"{problem.path}: {problem.message}" for problem in error.problems]}
            ) from error
