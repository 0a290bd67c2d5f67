"""Whether a token may charge here, and how a session begins."""

from datetime import datetime

from apps.sessions.domain.commands import AuthorisationStatus, StartCommand, StartOutcome


def authorise(*, token: str, station_id: int, at: datetime) -> AuthorisationStatus:
    """Tell whether an id token may charge at a station now, from its open grants, then the owner's contracts.

    Only answers; the start makes the grant.

    token  as the station sent it
    """
    raise NotImplementedError


def start_sessions(commands: tuple[StartCommand, ...]) -> tuple[StartOutcome, ...]:
    """Begin a session for each start; a repeated start finds the session it began and the same answer.

    Natural key: station, EVSE, id token, meter start and instant, against a session that is live or whose start was
    received within 72 h with a plausible clock. An unknown or blocked card's session is kept and billed to nobody.

    :raises UnknownEvse: the station has no such EVSE, and not exactly one; nothing of the batch was written
    """
    raise NotImplementedError
