"""What happens to sessions, each one story in one transaction."""

from apps.sessions.services.ending import end_sessions
from apps.sessions.services.readings import record_connector_states, record_readings
from apps.sessions.services.starting import authorise, start_sessions

__all__ = ["authorise", "end_sessions", "record_connector_states", "record_readings", "start_sessions"]
