"""What is written into the books: journals, charts, closings."""

from apps.ledger.domain.chart import Role
from apps.ledger.domain.posting import PostingLine, UnbalancedJournal
from apps.ledger.services.posting import KeyReused, Posting, is_posted, post, post_all

__all__ = ["KeyReused", "Posting", "PostingLine", "Role", "UnbalancedJournal", "is_posted", "post", "post_all"]
