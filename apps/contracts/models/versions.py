"""What was agreed when: a contract's versions, each with its document, who accepted it, and from which day it applies.

A version is never changed but for what becomes of it: offered, accepted or withdrawn, each once.
"""

import pgtrigger
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.renewals import Term
from apps.contracts.domain.versions import NEXT, VersionKind, VersionStatus
from apps.core.domain.moves import check_move
from apps.core.triggers import append_only, frozen

_OPEN = [VersionStatus.DRAFTED.value, VersionStatus.OFFERED.value]
_WITHOUT_DOCUMENT = [VersionKind.RENEWAL.value, VersionKind.TERMINATION.value]
_WHAT_BECOMES_OF_IT = (
    "status",
    "offered_at",
    "offered_to",
    "offered_by_id",
    "accepted_at",
    "accepted_name",
    "accepted_by_id",
    "accepted_address",
    "accepted_hash",
    "withdrawn_at",
)


class ContractTemplate(TenantModel):
    """A seller's terms with placeholders (``domain.contract_terms``); a document copies what they said that day."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80, help_text="Among yourselves; customers do not see it.")
    language = models.CharField(
        max_length=2, choices=[("en", "English"), ("de", "German"), ("fr", "French"), ("nl", "Dutch")], default="en"
    )
    terms = models.TextField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="template_name_unique_per_seller"),
            models.CheckConstraint(condition=~Q(terms=""), name="template_has_terms"),
        ]

    def __str__(self) -> str:
        return self.name


class ContractVersion(TenantModel):
    """From ``first_day`` on, until a later version's, this is what the contract says.

    first_day, end_day  local days of the seller; end_day is the first without it, null = until further notice
    renews_months       by how much its end moves unless notice is given; 0 = it ends by itself
    plan, tariff        what it gives from its first day on; null = what the contract has stays
    content             what the document printed, or why it was ended
    document_hash       SHA-256 of the exact file, hexadecimal; accepted_hash: of the one that was accepted
    accepted_address    from where; personal data, which retention may null
    """

    TENANT = ("contract__seller", "contract__customer__organisation")

    KINDS = [
        (VersionKind.ORIGINAL.value, "Contract"),
        (VersionKind.AMENDMENT.value, "Amendment"),
        (VersionKind.RENEWAL.value, "Renewal"),
        (VersionKind.TERMINATION.value, "Termination"),
    ]
    STATUSES = [
        (VersionStatus.DRAFTED.value, "Drafted"),
        (VersionStatus.OFFERED.value, "Offered"),
        (VersionStatus.ACCEPTED.value, "Accepted"),
        (VersionStatus.WITHDRAWN.value, "Withdrawn"),
    ]

    contract = models.ForeignKey("contracts.Contract", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=11, choices=KINDS)
    status = models.CharField(max_length=9, choices=STATUSES, default=VersionStatus.DRAFTED.value)
    first_day = models.DateField()
    end_day = models.DateField(null=True, blank=True)
    renews_months = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(120)])
    notice_days = models.PositiveSmallIntegerField(default=30, validators=[MaxValueValidator(730)])
    plan = models.ForeignKey("contracts.Plan", null=True, blank=True, on_delete=models.PROTECT, related_name="versions")
    tariff = models.ForeignKey("tariffs.Tariff", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    content = models.JSONField(default=dict)
    document = models.ForeignKey(
        "documents.Document", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    document_hash = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    offered_at = models.DateTimeField(null=True, blank=True)
    offered_to = models.EmailField(blank=True)
    offered_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_name = models.CharField(max_length=120, blank=True)
    accepted_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    accepted_address = models.GenericIPAddressField(null=True, blank=True)
    accepted_hash = models.CharField(max_length=64, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["contract", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="version_number_once_per_contract"),
            models.UniqueConstraint(
                fields=["contract"], condition=Q(status__in=_OPEN), name="version_one_open_per_contract"
            ),
            models.CheckConstraint(
                condition=Q(end_day__isnull=True)
                | Q(end_day__gt=F("first_day"))
                | Q(kind=VersionKind.TERMINATION.value, end_day=F("first_day")),
                name="version_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(first_day__gte="2000-01-01", first_day__lt="2200-01-01")
                & (Q(end_day__isnull=True) | Q(end_day__lt="2200-01-01")),
                name="version_has_usual_years",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="drafted", offered_at__isnull=True, accepted_at__isnull=True, withdrawn_at__isnull=True
                )
                | Q(status="offered", offered_at__isnull=False, accepted_at__isnull=True, withdrawn_at__isnull=True)
                | (Q(status="accepted", accepted_at__isnull=False, withdrawn_at__isnull=True) & ~Q(accepted_name=""))
                | Q(status="withdrawn", accepted_at__isnull=True, withdrawn_at__isnull=False),
                name="version_times_match_its_status",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=_WITHOUT_DOCUMENT, status="accepted", document__isnull=True, document_hash="")
                | Q(
                    kind__in=[VersionKind.ORIGINAL.value, VersionKind.AMENDMENT.value],
                    document__isnull=False,
                    document_hash__regex=r"^[0-9a-f]{64}$",
                ),
                name="version_has_its_document",
            ),
            models.CheckConstraint(
                condition=~Q(status="accepted") | Q(accepted_hash=F("document_hash")),
                name="version_accepted_is_the_exact_document",
            ),
        ]
        triggers = [
            *frozen("version_frozen", what="versions of contracts", exempt=_WHAT_BECOMES_OF_IT),
            *frozen(
                "version_settled_once",
                what="accepted and withdrawn versions",
                once="OLD.status IN ('accepted', 'withdrawn')",
                exempt=("accepted_address",),
            ),
            pgtrigger.Trigger(
                name="version_within_one_seller",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM contracts_contract c
                        LEFT JOIN contracts_plan p ON p.id = NEW.plan_id
                        LEFT JOIN tariffs_tariff t ON t.id = NEW.tariff_id
                        LEFT JOIN documents_document d ON d.id = NEW.document_id
                        WHERE c.id = NEW.contract_id AND (
                            p.seller_id <> c.seller_id OR t.owner_id <> c.seller_id OR d.seller_id <> c.seller_id
                            OR d.sha256 <> NEW.document_hash
                        )
                    ) THEN
                        RAISE EXCEPTION 'a version names a plan, tariff or document of somebody else'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract.number}, version {self.number}"

    @property
    def term(self) -> Term:
        return Term(end=self.end_day, renews_months=self.renews_months, notice_days=self.notice_days)

    def move(self, to: VersionStatus) -> None:
        """Change the status in memory.

        :raises IllegalMove: it may not follow the one it has
        """
        self.status = check_move(NEXT, VersionStatus(self.status), to).value


class AgreedTariff(TenantModel):
    """A tariff that a version gives at the sites of one group, from the version's first day on."""

    TENANT = ("version__contract__seller", "version__contract__customer__organisation")

    version = models.ForeignKey(ContractVersion, on_delete=models.PROTECT, related_name="group_tariffs")
    group = models.ForeignKey("contracts.SiteGroup", on_delete=models.PROTECT, related_name="+")
    tariff = models.ForeignKey("tariffs.Tariff", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["version", "group"]
        constraints = [
            models.UniqueConstraint(fields=["version", "group"], name="version_gives_one_tariff_per_group"),
        ]
        triggers = [
            *append_only("agreed_tariff_kept", what="tariffs that a version gives"),
            pgtrigger.Trigger(
                name="agreed_tariff_of_its_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM contracts_contractversion v
                        JOIN contracts_contract c ON c.id = v.contract_id
                        JOIN contracts_sitegroup g ON g.id = NEW.group_id AND g.seller_id = c.seller_id
                        JOIN tariffs_tariff t ON t.id = NEW.tariff_id AND t.owner_id = c.seller_id
                        WHERE v.id = NEW.version_id
                    ) THEN
                        RAISE EXCEPTION 'a version names a site group or tariff of somebody else'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    IF (SELECT status FROM contracts_contractversion WHERE id = NEW.version_id) <> 'drafted' THEN
                        RAISE EXCEPTION 'a version that was offered gives no further tariff'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff} at sites of {self.group}"
