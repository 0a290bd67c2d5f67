"""Reports over the books of one legal entity: a sheet each, shown as a page and downloaded as CSV alike."""

from apps.accounting.reports.periods import Period
from apps.accounting.reports.sheet import Cell, Column, Row, Sheet

__all__ = ["Cell", "Column", "Period", "Row", "Sheet"]
