"""Where a platform collects for owners: agreements, monthly statements, what is paid out."""

from apps.accounting.models.settlement import (
    Agreement,
    OwnerPayout,
    PayoutFile,
    Statement,
    StatementEntry,
    StatementLine,
)

__all__ = ["Agreement", "OwnerPayout", "PayoutFile", "Statement", "StatementEntry", "StatementLine"]
