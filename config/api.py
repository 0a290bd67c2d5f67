"""Version 1 of the REST API: read only, each row visible to its own tenant alone."""

from rest_framework.routers import DefaultRouter

from apps.invoices.api.views import InvoiceViewSet
from apps.invoices.domain.status import InvoiceStatus
from apps.sessions.api.views import ChargeRecordViewSet, SessionViewSet
from apps.sessions.domain.status import SessionStatus
from apps.stations.api.views import StationViewSet
from apps.stations.domain.status import ConnectorStatus

# Three fields are called "status"; the schema names their values by these (setting ENUM_NAME_OVERRIDES).
DOCUMENT_STATUSES = [status.value for status in InvoiceStatus]
SESSION_STATUSES = [status.value for status in SessionStatus]
CONNECTOR_STATUSES = [status.value for status in ConnectorStatus]

router = DefaultRouter()
router.include_format_suffixes = False
router.register("stations", StationViewSet, basename="station")
router.register("sessions", SessionViewSet, basename="session")
router.register("charge-records", ChargeRecordViewSet, basename="charge-record")
router.register("invoices", InvoiceViewSet, basename="invoice")
