"""Documents of supply: billing runs, invoices, receipts and credit notes, their lines, VAT and number series.

An invoice is drafted from charge records that no line points at, numbered last, frozen when issued; a receipt is the
simplified invoice of one anonymous session; a credit note names what it credits. A document copies what it prints.
"""

import uuid

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import MoneyField

from apps.accounts.tenancy import TenantModel
from apps.contracts.domain.electronic import InvoiceFormat
from apps.core.constraints import is_rounded_money
from apps.core.triggers import frozen
from apps.invoices.domain.status import InvoiceStatus, RunStatus


class BillingRun(TenantModel):
    """One pull of what is due for a seller, up to and including the local day ``until_date``; repeatable.

    is_reviewed   it drafts, waits for a person, and issues what that person has let go
    contracts_total, contracts_done  of the step under way; progressed_at: when the last one was done
    problems      a sentence for each contract whose documents were refused
    """

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    until_date = models.DateField()
    status = models.CharField(max_length=8, choices=[(s.value, s.value) for s in RunStatus], default=RunStatus.RUNNING)
    is_reviewed = models.BooleanField("looked at before it issues", default=False)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    progressed_at = models.DateTimeField(null=True, blank=True, editable=False)
    contracts_total = models.PositiveIntegerField(default=0)
    contracts_done = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(contracts_done__lte=F("contracts_total")),
                name="run_does_no_more_than_its_contracts",
            ),
            # A killed run is taken up by the next, and two at once share their progress.
            models.UniqueConstraint(
                fields=["seller", "until_date"],
                condition=Q(status="running"),
                name="run_one_running_per_seller_and_day",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["running", "drafted"], ended_at__isnull=True)
                | Q(status="done", ended_at__isnull=False),
                name="run_ends_when_done",
            ),
            # Its drafts are what a person looks at: no second run may write others over them.
            models.UniqueConstraint(
                fields=["seller"],
                condition=Q(is_reviewed=True, ended_at__isnull=True),
                name="run_one_under_review_per_seller",
            ),
            models.CheckConstraint(
                condition=Q(is_reviewed=True) | Q(approved_at__isnull=True, status__in=["running", "done"]),
                name="run_is_approved_where_it_is_reviewed",
            ),
            models.CheckConstraint(
                condition=~Q(status="drafted") | Q(approved_at__isnull=True), name="run_is_drafted_until_it_is_approved"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="run_bills_no_day_ahead",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NEW.until_date > (
                        SELECT (NEW.started_at AT TIME ZONE owner.time_zone)::date
                        FROM accounts_organisation owner WHERE owner.id = NEW.seller_id
                    ) THEN
                        RAISE EXCEPTION 'a billing run ends no later than the day on which it is started'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.seller} until {self.until_date}"


class NumberSeries(TenantModel):
    """The last number drawn per seller, kind and local year, inside the issuing transaction and so without a hole."""

    TENANT = ("seller",)

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "number series"
        constraints = [
            models.UniqueConstraint(fields=["seller", "kind", "year"], name="series_one_per_seller_kind_and_year")
        ]
        triggers = [
            pgtrigger.Trigger(
                name="series_only_counts_up",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' OR NEW.last_number <> OLD.last_number + 1
                       OR (NEW.seller_id, NEW.kind, NEW.year) IS DISTINCT FROM (OLD.seller_id, OLD.kind, OLD.year) THEN
                        RAISE EXCEPTION 'a number series only counts up by one' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.year}: {self.last_number}"


class Invoice(TenantModel):
    """An invoice, receipt or credit note (EN 16931 BT-3: 380, 381); or a platform's fee invoice to an owner; or that of
    a prepaid wallet's top-up, whose VAT is due when it is paid in.

    customer, contract         null on a receipt and what corrects it: the driver is anonymous;
                               and on a fee invoice
    buyer                      of a fee invoice: the owner
    seller_party, buyer_party  the legal data printed, copied at issue (BG-4, BG-7); no buyer on a receipt
    amounts_are_gross          how lines are stated: gross for private persons
    tax_date                   end of the billing period, by which VAT is reported
    credits                    a credit note's invoice or receipt
    replaces                   of a full invoice to a driver's company: the receipt in whose stead it stands, once
    invoice_format             which electronic format goes with the PDF, as the customer had it at issue
    content_hash               SHA-256 of the canonical content, set at issue
    """

    TENANT = ("seller", "customer__organisation", "buyer")

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        RECEIPT = "receipt", "Receipt"
        CREDIT_NOTE = "credit_note", "Credit note"
        FEE = "fee", "Fee invoice"
        TOP_UP = "top_up", "Top-up invoice"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        "contracts.Customer", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    contract = models.ForeignKey(
        "contracts.Contract", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    buyer = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    run = models.ForeignKey(BillingRun, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.INVOICE)
    status = models.CharField(
        max_length=6, choices=[(s.value, s.value) for s in InvoiceStatus], default=InvoiceStatus.DRAFT
    )
    credits = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes")
    replaces = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by")
    reason = models.CharField(max_length=200, blank=True, help_text="Why a credit note was written.")
    series = models.ForeignKey(NumberSeries, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices")
    sequence = models.PositiveIntegerField(null=True, blank=True)
    number = models.CharField(max_length=30, blank=True)
    period_from = models.DateField(help_text="First local day of supply.")
    period_to = models.DateField(help_text="Last local day of supply.")
    tax_date = models.DateField()
    currency = models.CharField(max_length=3)
    amounts_are_gross = models.BooleanField()
    net = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    tax = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    gross = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    language = models.CharField(max_length=2)
    seller_party = models.JSONField(default=dict)
    buyer_party = models.JSONField(default=dict)
    purchase_order = models.CharField(max_length=60, blank=True)
    buyer_reference = models.CharField(max_length=80, blank=True)
    invoice_format = models.CharField(
        max_length=14, choices=[(one.value, one.label) for one in InvoiceFormat], default=InvoiceFormat.FACTURX.value
    )
    issued_at = models.DateTimeField(null=True, blank=True)
    issue_date = models.DateField(null=True, blank=True, help_text="Local day of issue (BT-2).")
    due_date = models.DateField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    issued_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["seller"], condition=Q(status="draft"), name="invoice_draft"),
            models.Index(fields=["seller", "issue_date"], name="invoice_by_seller_and_day"),
            # Of what is owed the rows are wide and the questions narrow: they are answered from here alone.
            models.Index(
                fields=["seller", "due_date", "id"],
                include=["currency"],
                condition=Q(kind="invoice", status="issued"),
                name="invoice_by_due_date",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["series", "sequence"], name="invoice_number_once_per_series"),
            models.UniqueConstraint(
                fields=["seller", "number"], condition=~Q(number=""), name="invoice_number_unique_per_seller"
            ),
            # One draft a contract at a time: two billing runs at once meet here.
            models.CheckConstraint(
                condition=Q(
                    status="draft",
                    number="",
                    series__isnull=True,
                    sequence__isnull=True,
                    issued_at__isnull=True,
                )
                | (
                    Q(status="issued", series__isnull=False, sequence__isnull=False)
                    & Q(issued_at__isnull=False, issue_date__isnull=False, due_date__isnull=False)
                    & ~Q(number="")
                    & ~Q(content_hash="")
                ),
                name="invoice_has_a_number_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["invoice", "receipt", "fee", "top_up"], credits__isnull=True)
                | (Q(kind="credit_note", credits__isnull=False) & ~Q(reason="")),
                name="invoice_credit_note_names_invoice_and_reason",
            ),
            # A credit note has the customer of what it credits, or none with it (I13).
            models.CheckConstraint(
                condition=Q(kind__in=["invoice", "credit_note", "top_up"], customer__isnull=False)
                & Q(contract__isnull=False)
                | Q(kind__in=["receipt", "credit_note", "fee"], customer__isnull=True, contract__isnull=True)
                | Q(kind="invoice", customer__isnull=True, contract__isnull=True, replaces__isnull=False),
                name="invoice_has_a_customer_receipt_has_none",
            ),
            models.CheckConstraint(
                condition=Q(replaces__isnull=True)
                | Q(kind="invoice", customer__isnull=True, run__isnull=True, amounts_are_gross=True),
                name="invoice_in_a_receipts_stead_is_a_drivers",
            ),
            models.CheckConstraint(
                condition=Q(kind="fee", buyer__isnull=False, amounts_are_gross=False, run__isnull=True)
                | ~Q(kind="fee") & Q(buyer__isnull=True),
                name="invoice_of_fees_names_its_buyer",
            ),
            models.CheckConstraint(
                condition=~Q(kind="receipt") | Q(amounts_are_gross=True, run__isnull=True),
                name="invoice_receipt_states_gross_and_is_of_no_run",
            ),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="invoice_net_and_tax_make_gross"),
            models.CheckConstraint(condition=Q(period_to__gte=F("period_from")), name="invoice_period_is_forward"),
            models.CheckConstraint(
                condition=Q(invoice_format__in=[one.value for one in InvoiceFormat]), name="invoice_format_is_known"
            ),
            is_rounded_money("net", "tax", "gross", name="invoice_amounts_are_rounded"),
        ]
        triggers = frozen("invoice_frozen_when_issued", what="issued documents", once="OLD.status = 'issued'")

    def __str__(self) -> str:
        return self.number or f"draft {self.pk}"


# Children of an issued document: nothing is added, changed or removed.
_CHILD_FROZEN = """
    IF EXISTS (SELECT 1 FROM invoices_invoice WHERE status = 'issued' AND id IN (OLD.invoice_id, NEW.invoice_id)) THEN
        RAISE EXCEPTION 'issued documents are frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""
# A billing run adds thousands in one statement: they are looked at together.
_CHILDREN_ADDED = """
    IF EXISTS (
        SELECT 1 FROM invoices_invoice WHERE status = 'issued' AND id IN (SELECT invoice_id FROM added)
    ) THEN
        RAISE EXCEPTION 'issued documents are frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
"""


def _frozen_with_invoice(name: str) -> list[pgtrigger.Trigger]:
    return [
        pgtrigger.Trigger(
            name=name,
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=_CHILD_FROZEN,
        ),
        pgtrigger.Trigger(
            name=f"{name}_too",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new="added"),
            func=_CHILDREN_ADDED,
        ),
    ]


class InvoiceLine(TenantModel):
    """What one charge record costs under one VAT category and rate, or a credit note's that takes it or a part back.

    A record is billed once, for ever: on one document, with one line a category. On credit notes ``cdr`` is null and
    ``credits`` set; several may take back parts of one line, together never more than it.
    cost_centre     with its references, as the document prints it; "" = none
    text            what a fee invoice's line charges, which bills no record
    vehicle, place, zone…  copied as printed
    energy_milliwh  metered; of a record's lines the first one under which energy is priced has it, the others none
    net, gross  signed: negative on credit notes; gross only on documents that state gross amounts, since on the others
                VAT is computed on the category's sum (TARIFFS.md, Rounding and tax)
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    # By document and by record the unique constraints find it; few lines take one back.
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    cdr = models.ForeignKey(
        "charging_sessions.Cdr", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    credits = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credited_by", db_index=False
    )
    text = models.CharField(max_length=240, blank=True)
    vehicle = models.CharField(max_length=120, blank=True)
    token = models.CharField(max_length=40, blank=True, help_text="Last four characters of the card.")
    cost_centre = models.CharField(max_length=260, blank=True)
    place = models.CharField(max_length=240)
    time_zone = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    energy_milliwh = models.BigIntegerField()
    prices = models.JSONField(help_text="Price bands as printed: list of {text, quantity, unit, price, amount}.")
    tax_category = models.CharField(max_length=2, help_text="EN 16931 VAT category code (BT-151).")
    tax_rate = models.DecimalField(max_digits=6, decimal_places=4)
    currency = models.CharField(max_length=3)
    net = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    gross = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency", null=True, blank=True)

    class Meta:
        ordering = ["invoice", "position"]
        indexes = [models.Index(fields=["credits"], condition=Q(credits__isnull=False), name="line_that_credits")]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="line_position_once_per_invoice"),
            models.UniqueConstraint(
                fields=["cdr", "tax_category", "tax_rate"], name="line_record_once_per_vat_category"
            ),
            # Two who bill the same record at once meet here, also where they chose different categories.
            ExclusionConstraint(
                name="line_record_on_one_document",
                expressions=[("cdr", RangeOperators.EQUAL), ("invoice", RangeOperators.NOT_EQUAL)],
            ),
            models.CheckConstraint(
                condition=Q(cdr__isnull=False, credits__isnull=True, text="")
                | Q(cdr__isnull=True, credits__isnull=False, text="")
                | Q(cdr__isnull=True, credits__isnull=True) & ~Q(text=""),
                name="line_bills_a_record_or_credits_a_line",
            ),
            is_rounded_money("net", "gross", name="line_amounts_are_rounded"),
        ]
        triggers = [
            *_frozen_with_invoice("line_frozen_when_issued"),
            pgtrigger.Trigger(
                name="line_credits_at_most_what_it_takes_back",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__credits__isnull=False),
                # The credited line's lock lets two at once see each other's parts.
                func="""
                    PERFORM 1 FROM invoices_invoiceline WHERE id = NEW.credits_id FOR NO KEY UPDATE;
                    IF NOT EXISTS (
                        SELECT 1 FROM invoices_invoiceline l CROSS JOIN (
                            SELECT coalesce(sum(net), 0) + NEW.net AS net, coalesce(sum(gross), 0) + NEW.gross AS gross
                            FROM invoices_invoiceline WHERE credits_id = NEW.credits_id AND id <> NEW.id
                        ) taken
                        WHERE l.id = NEW.credits_id
                        AND (l.currency, l.tax_category, l.tax_rate)
                            = (NEW.currency, NEW.tax_category, NEW.tax_rate)
                        AND NEW.net BETWEEN least(0, -l.net) AND greatest(0, -l.net)
                        AND taken.net BETWEEN least(0, -l.net) AND greatest(0, -l.net)
                        AND (l.gross IS NULL AND NEW.gross IS NULL
                             OR NEW.gross BETWEEN least(0, -l.gross) AND greatest(0, -l.gross)
                             AND taken.gross BETWEEN least(0, -l.gross) AND greatest(0, -l.gross))
                    ) THEN
                        RAISE EXCEPTION 'credit notes take back at most the line, under its VAT'
                        USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} line {self.position}"


class InvoiceTax(TenantModel):
    """One VAT category of a document (EN 16931 BG-23); legal_text says why where no VAT is charged."""

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="taxes", db_index=False)
    category = models.CharField(max_length=2)
    rate = models.DecimalField(max_digits=6, decimal_places=4)
    country = models.CharField(max_length=2)
    legal_text = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=3)
    net = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")
    tax = MoneyField(max_digits=20, decimal_places=6, currency_field_name="currency")

    class Meta:
        verbose_name = "VAT category"
        verbose_name_plural = "VAT breakdown"
        ordering = ["invoice", "category", "rate"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "category", "rate"], name="vat_category_once_per_invoice"),
            is_rounded_money("net", "tax", name="vat_amounts_are_rounded"),
        ]
        triggers = _frozen_with_invoice("vat_frozen_when_issued")

    def __str__(self) -> str:
        return f"{self.category} {self.rate}"
