"""Sites that a seller prices alike: named groups of locations, each location in at most one of them at a time."""

from datetime import datetime

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import has_usual_years


class SiteGroup(TenantModel):
    """Locations of one seller that tariffs can be assigned to together, such as all depots."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(
        max_length=80, help_text="Customers read it in their contracts and beside their prices: “At sites of Depots”."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="group_name_unique_per_seller"),
            models.CheckConstraint(condition=~Q(name=""), name="group_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupedSite(TenantModel):
    """A location's time in a group, half-open in UTC (null = open).

    What was stays: once begun it is only ended, and not before now. So what applied on a past day can be asked, and a
    session whose station tells of it late is priced as its driver was told.
    """

    TENANT = ("group__seller",)

    group = models.ForeignKey(SiteGroup, on_delete=models.PROTECT, related_name="sites")
    location = models.ForeignKey("stations.Location", on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["group", "location", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="grouped_site_ends_after_start",
                violation_error_message="It leaves the group after it joined it.",
            ),
            has_usual_years("valid_from", "valid_to", name="grouped_site_has_usual_years"),
            ExclusionConstraint(
                name="grouped_site_in_one_group_at_a_time",
                expressions=[
                    ("location", RangeOperators.EQUAL),
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
                violation_error_message="This location is in a group in that time: let it leave that one first.",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="grouped_site_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF (SELECT seller_id FROM contracts_sitegroup WHERE id = NEW.group_id)
                       <> (SELECT owner_id FROM stations_location WHERE id = NEW.location_id) THEN
                        RAISE EXCEPTION 'a site group holds a location of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="grouped_site_keeps_its_past",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.valid_from <= now()"),
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'a location that was in a site group is never taken out of its past'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF (to_jsonb(OLD) - 'valid_to') IS DISTINCT FROM (to_jsonb(NEW) - 'valid_to') THEN
                        RAISE EXCEPTION 'a location that was in a site group only leaves it'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF OLD.valid_to IS DISTINCT FROM NEW.valid_to
                       AND (OLD.valid_to <= now() OR NEW.valid_to < now()) THEN
                        RAISE EXCEPTION 'when a location leaves a site group moves only from and to what lies ahead'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.location} in {self.group}"

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the location is in the group at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
