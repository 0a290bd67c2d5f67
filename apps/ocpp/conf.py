"""The settings of the edge, each with its default; read when used, so that a test may override them."""

from django.conf import settings


def heartbeat_interval_s() -> int:
    """How often a station is told to send Heartbeat, in seconds (``OCPP_HEARTBEAT_INTERVAL_S``)."""
    return int(getattr(settings, "OCPP_HEARTBEAT_INTERVAL_S", 300))


def messages_per_second() -> float:
    """Above how many messages a second, for ten seconds, a station is read more slowly."""
    return float(getattr(settings, "OCPP_MESSAGES_PER_SECOND", 50))


def command_timeout_s() -> float:
    """How long a station may take to answer a command, in seconds, if the command's deadline is not sooner."""
    return float(getattr(settings, "OCPP_COMMAND_TIMEOUT_S", 30))


def seen_interval_s() -> float:
    """How seldom ``last_seen_at`` is written for one station, in seconds."""
    return float(getattr(settings, "OCPP_SEEN_INTERVAL_S", 30))


def trusted_proxies() -> list[str]:
    """Whose word counts for a station's address, TLS and certificate: addresses, networks (``FORWARDED_ALLOW_IPS``)."""
    return list(settings.TRUSTED_PROXIES)


def client_certificate_header() -> str:
    """The header in which they give the subject of a verified client certificate (``CLIENT_CERTIFICATE_HEADER``)."""
    return str(settings.CLIENT_CERTIFICATE_HEADER)


def notice_timeout_s() -> float:
    """How long a station may take to answer a notice to its display; what somebody asked for waits no longer."""
    return float(getattr(settings, "OCPP_NOTICE_TIMEOUT_S", 5))


def cost_interval_s() -> int:
    """How often at most a display is told what a session costs, in seconds (``OCPP_COST_INTERVAL_S``)."""
    return int(getattr(settings, "OCPP_COST_INTERVAL_S", 30))
