"""Files that were issued: bytes, their hash, and who may see them. A document is never changed."""

from django.db import models
from django.db.models import Q

from apps.accounts.tenancy import TenantModel
from apps.core.triggers import frozen


class Document(TenantModel):
    """One rendered file. ``key`` is natural (``invoice:12:pdf``): rendering again finds it.

    content  the bytes · sha256  their hash, hexadecimal · recipient  the customer's tenant that may read it too
    """

    TENANT = ("seller", "recipient")

    seller = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    recipient = models.ForeignKey(
        "accounts.Organisation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, help_text="invoice, credit_note, …")
    media_type = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    file_name = models.CharField(max_length=120)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "key"], name="document_key_unique_per_seller"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="document_hash_is_sha256"),
        ]
        triggers = frozen("document_frozen", what="documents")

    def __str__(self) -> str:
        return self.file_name
