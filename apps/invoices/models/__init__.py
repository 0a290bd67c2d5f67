from apps.invoices.models.documents import BillingRun, Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.models.periods import BilledPeriod, PeriodCharge
from apps.invoices.models.prepaid import PrepaidRecord

__all__ = [
    "BilledPeriod",
    "BillingRun",
    "Invoice",
    "InvoiceLine",
    "InvoiceTax",
    "NumberSeries",
    "PeriodCharge",
    "PrepaidRecord",
]
