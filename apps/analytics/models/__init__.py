"""Questions about the past, and figures of it. Reads everybody below; writes nothing but its own rows."""

from apps.analytics.models.figures import CountedSession, DayFigure, MonthFigure, SessionHour, StaleDay, StaleMonth
from apps.analytics.models.trials import TariffTrial
from apps.analytics.models.uptime import StationDay

__all__ = [
    "CountedSession",
    "DayFigure",
    "MonthFigure",
    "SessionHour",
    "StaleDay",
    "StaleMonth",
    "StationDay",
    "TariffTrial",
]
