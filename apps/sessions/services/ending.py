"""How a session ends."""

from apps.sessions.domain.commands import EndCommand, EndOutcome


def end_sessions(commands: tuple[EndCommand, ...]) -> tuple[EndOutcome, ...]:
    """End the session of each stop; a repeated stop gets the same answer and changes nothing.

    Natural key: station and transaction. A stop without a valid id (−1: the start's answer was lost) belongs to the
    station's live session if exactly one fits; else session_id is None and the raw frame keeps what was said.
    """
    raise NotImplementedError
