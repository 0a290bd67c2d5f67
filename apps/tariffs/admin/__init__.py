"""Prices in the console: tariffs, and their versions written, checked, published, compared, imported and exported."""

from apps.tariffs.admin.tariffs import TariffAdmin
from apps.tariffs.admin.versions import TariffVersionAdmin

__all__ = ["TariffAdmin", "TariffVersionAdmin"]
