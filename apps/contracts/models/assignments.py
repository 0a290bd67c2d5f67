"""Where tariffs apply: to whom, at which place, from when on."""

from functools import reduce
from operator import or_
from typing import Final

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from apps.accounts.tenancy import TenantModel
from apps.core.constraints import has_usual_years

# Each kind of place a tariff can be assigned to, the one that goes before first. Contract and tier may be joined with a
# group: what was agreed with somebody at these sites.
ASSIGNMENT_PLACES = ("contract", "tier", "evse", "station", "location", "group")


def _only(*places: str) -> Q:
    """Return the condition that an assignment names these places and no other."""
    return Q(**{f"{name}__isnull": name not in places for name in ASSIGNMENT_PLACES})


_WHO_AND_WHERE: Final = ((), ("contract", "group"), ("tier", "group"), *((place,) for place in ASSIGNMENT_PLACES))


class TariffAssignment(TenantModel):
    """Where a tariff applies: to a contract or tier anywhere or at a group, at a place, by default; half-open in UTC.

    Two tariffs of the same rank for the same moment are refused; which rank goes before: ``domain/precedence.py``.
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    tariff = models.ForeignKey("tariffs.Tariff", on_delete=models.PROTECT, related_name="+")
    contract = models.ForeignKey(
        "contracts.Contract", null=True, blank=True, on_delete=models.PROTECT, related_name="assignments"
    )
    tier = models.ForeignKey(
        "contracts.MembershipTier",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="assignments",
        verbose_name="membership tier",
    )
    evse = models.ForeignKey("stations.Evse", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey(
        "stations.ChargingStation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    location = models.ForeignKey("stations.Location", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    group = models.ForeignKey(
        "contracts.SiteGroup",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="assignments",
        verbose_name="site group",
    )
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="assignment_ends_after_start",
            ),
            has_usual_years("valid_from", "valid_to", name="assignment_has_usual_years"),
            models.CheckConstraint(
                condition=reduce(or_, (_only(*places) for places in _WHO_AND_WHERE)),
                name="assignment_names_who_at_a_group_or_one_place",
            ),
            ExclusionConstraint(
                name="assignment_one_per_place_and_moment",
                expressions=[
                    ("seller", RangeOperators.EQUAL),
                    *((Func(F(place), 0, function="coalesce"), RangeOperators.EQUAL) for place in ASSIGNMENT_PLACES),
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
                name="assignment_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                # Both tariff and place name their owner in tables of their own, which no check constraint can read.
                func="""
                    IF NEW.seller_id <> (SELECT owner_id FROM tariffs_tariff WHERE id = NEW.tariff_id) THEN
                        RAISE EXCEPTION 'the assigned tariff is of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    IF NEW.seller_id <> COALESCE(
                        (SELECT seller_id FROM contracts_contract WHERE id = NEW.contract_id),
                        (SELECT seller_id FROM contracts_membershiptier WHERE id = NEW.tier_id),
                        (
                            SELECT location.owner_id
                            FROM stations_location location
                            LEFT JOIN stations_chargingstation station ON station.location_id = location.id
                            LEFT JOIN stations_evse evse ON evse.station_id = station.id
                            WHERE location.id = NEW.location_id OR station.id = NEW.station_id OR evse.id = NEW.evse_id
                            LIMIT 1
                        ),
                        NEW.seller_id
                    ) OR NEW.seller_id <> (SELECT seller_id FROM contracts_sitegroup WHERE id = NEW.group_id) THEN
                        RAISE EXCEPTION 'a tariff is assigned to a place of another seller'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.tariff} → {self.where or 'everywhere'}"

    @property
    def where(self) -> str:
        """What it is assigned to: “V-1 · Fleet at Depots”, the site, …; "" = everywhere, by default."""
        return " at ".join(str(row) for name in ASSIGNMENT_PLACES if (row := getattr(self, name)) is not None)
