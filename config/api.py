"""Version 1 of the REST API: read only, each row visible to its own tenant alone."""

from rest_framework.routers import DefaultRouter

from apps.contracts.api.views import ContractViewSet, CustomerViewSet, TokenViewSet
from apps.contracts.models import Contract, IdToken
from apps.invoices.api.disputes import LineDisputeViewSet
from apps.invoices.api.views import InvoiceViewSet
from apps.invoices.domain.line_disputes import LineDisputeStatus
from apps.invoices.domain.status import InvoiceStatus
from apps.payments.api.views import BankReceiptViewSet, OpenItemViewSet, PaymentViewSet
from apps.payments.domain.status import PaymentStatus
from apps.sessions.api.views import ChargeRecordViewSet, SessionViewSet
from apps.sessions.domain.status import SessionStatus
from apps.stations.api.views import StationViewSet
from apps.stations.domain.status import ConnectorStatus
from apps.tariffs.api.views import TariffViewSet

# Several fields are called "status"; the schema names their values by these (setting ENUM_NAME_OVERRIDES).
DOCUMENT_STATUSES = [status.value for status in InvoiceStatus]
DISPUTE_STATUSES = [status.value for status in LineDisputeStatus]
SESSION_STATUSES = [status.value for status in SessionStatus]
CONNECTOR_STATUSES = [status.value for status in ConnectorStatus]
PAYMENT_STATUSES = [status.value for status in PaymentStatus]
CONTRACT_STATUSES = Contract.Status.values
TOKEN_STATUSES = IdToken.Status.values

router = DefaultRouter()
router.include_format_suffixes = False
router.register("stations", StationViewSet, basename="station")
router.register("sessions", SessionViewSet, basename="session")
router.register("charge-records", ChargeRecordViewSet, basename="charge-record")
router.register("invoices", InvoiceViewSet, basename="invoice")
router.register("line-disputes", LineDisputeViewSet, basename="line-dispute")
router.register("payments", PaymentViewSet, basename="payment")
router.register("bank-receipts", BankReceiptViewSet, basename="bank-receipt")
router.register("open-items", OpenItemViewSet, basename="open-item")
router.register("customers", CustomerViewSet, basename="customer")
router.register("contracts", ContractViewSet, basename="contract")
router.register("tokens", TokenViewSet, basename="token")
router.register("tariffs", TariffViewSet, basename="tariff")
