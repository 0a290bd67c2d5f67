"""The books: accounts, journals and entries; the accountant's numbers for them; closed months."""

from apps.ledger.models.books import Account, Journal, LedgerEntry
from apps.ledger.models.charts import AccountNumber, Chart
from apps.ledger.models.closings import Closing
from apps.ledger.models.sums import AccountMonth

__all__ = ["Account", "AccountMonth", "AccountNumber", "Chart", "Closing", "Journal", "LedgerEntry"]
