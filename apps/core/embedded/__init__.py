"""A real PostgreSQL and a real Valkey, started on demand where DATABASE_URL or REDIS_URL is unset.

Owns ``var/embedded``. A detached supervisor runs the servers from their wheels and stops them a few seconds
after the last process that uses them; each of those holds a shared lock for its lifetime. Nothing here knows
Django, because the settings themselves are the caller.
"""

from apps.core.embedded.client import EmbeddedServices, ensure_services
from apps.core.embedded.layout import EmbeddedServicesError

__all__ = ["EmbeddedServices", "EmbeddedServicesError", "ensure_services"]
