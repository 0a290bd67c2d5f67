"""What is open of each document, kept beside it, so that lists, Home and spending limits need not add up.

Nobody writes it but the database, in the transaction of whatever counts: the issue of a document or credit note, an
allocation, a refund, a write-off, money fetched back. Each adds the document up anew (``payments_restate``) by the view
``payments_document_sums``, the one place where the sum is written down; the audit compares the two.
"""

import pgtrigger
from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel


class DocumentBalance(TenantModel):
    """How an issued document stands, gross. Credit notes have none: they count in what they credit.

    credited     what credit notes took back, as a positive amount
    given_back   what was refunded, and what the customer's bank fetched back
    open_amount  gross - allocated - credited + given_back - written_off; below zero: so much is to be given back
    """

    TENANT = ("invoice__seller", "invoice__customer__organisation")

    # A name for queries alone: documents have no accessor that reaches up here.
    invoice = models.OneToOneField(
        "invoices.Invoice",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="+",
        related_query_name="balance",
    )
    allocated = models.DecimalField(max_digits=20, decimal_places=6)
    credited = models.DecimalField(max_digits=20, decimal_places=6)
    given_back = models.DecimalField(max_digits=20, decimal_places=6)
    written_off = models.DecimalField(max_digits=20, decimal_places=6)
    open_amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        indexes = [
            # Of a hundred thousand documents most are settled: who looks for the others finds them alone.
            models.Index(
                fields=["invoice"], include=["open_amount"], condition=~Q(open_amount=0), name="document_not_settled"
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="document_balance_is_added_up",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
                func="""
                    RAISE EXCEPTION 'what is open of a document is added up, never written by hand'
                        USING ERRCODE = 'restrict_violation';
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.open_amount} open of {self.invoice}"


def restates_its_document(name: str) -> pgtrigger.Trigger:
    """Add the documents of the rows that a statement inserts up anew; for rows that never change."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="added"),
        func="""
            PERFORM payments_restate(ARRAY(SELECT invoice_id FROM added WHERE invoice_id IS NOT NULL));
            RETURN NULL;
        """,
    )
