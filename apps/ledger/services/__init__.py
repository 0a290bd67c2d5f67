"""What is written into the books: journals, charts, closings."""

from apps.ledger.domain.chart import Role
from apps.ledger.domain.posting import PostingLine, UnbalancedJournal
from apps.ledger.services.posting import KeyReused, post

__all__ = ["KeyReused", "PostingLine", "Role", "UnbalancedJournal", "post"]
