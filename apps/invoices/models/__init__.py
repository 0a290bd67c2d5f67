from apps.invoices.models.charges import ContractCharge
from apps.invoices.models.deferred import DeferredFee
from apps.invoices.models.disputes import LineDispute
from apps.invoices.models.documents import BillingRun, Invoice, InvoiceLine, InvoiceTax, NumberSeries
from apps.invoices.models.holds import BillingHold
from apps.invoices.models.periods import BilledAgain, BilledPeriod, PeriodCharge
from apps.invoices.models.prepaid import PrepaidRecord

__all__ = [
    "BilledAgain",
    "BilledPeriod",
    "BillingHold",
    "BillingRun",
    "ContractCharge",
    "DeferredFee",
    "Invoice",
    "InvoiceLine",
    "InvoiceTax",
    "LineDispute",
    "NumberSeries",
    "PeriodCharge",
    "PrepaidRecord",
]
