"""When a session is taken for forgotten by its station, and when its stop is no longer waited for.

Instants are UTC. A word of a session is its start, a reading or a state of its vehicle.
"""

from datetime import datetime, timedelta
from typing import Final

SILENT_WHILE_ONLINE: Final = timedelta(hours=24)
"""A station that was there all day and said nothing of a session has lost it, or its vehicle stands there charged."""
SILENT: Final = timedelta(hours=72)
"""Longer than a long weekend without network: a queue is told by then, and a driver has come back."""
QUEUE_TOLD_WITHIN: Final = timedelta(hours=1)
"""A station that has been online for so long has told what it kept while it was offline."""
STATION_LOST: Final = timedelta(days=14)
"""No hold of a card lasts longer: a station that is away for so long is waited for by nobody."""


def is_forgotten(*, at: datetime, last_word_at: datetime, online_since: datetime | None) -> bool:
    """Tell whether a live session is live only because nobody has said otherwise.

    online_since  since when the station has been connected; None: it is not
    """
    if at - last_word_at >= SILENT:
        return True
    # The hours before the connection are no silence: the station could not speak.
    return online_since is not None and at - max(last_word_at, online_since) >= SILENT_WHILE_ONLINE


def is_given_up(*, at: datetime, last_word_at: datetime, online_since: datetime | None, is_final: bool) -> bool:
    """Tell whether the stop of a forgotten session is no longer waited for.

    is_final  what it costs then is never raised (an anonymous driver's): its station is waited for, as long as it can
              be expected to tell more
    """
    silent_for = at - last_word_at
    if not is_final:
        return silent_for >= SILENT
    is_heard_out = online_since is not None and at - online_since >= QUEUE_TOLD_WITHIN
    return silent_for >= (SILENT if is_heard_out else STATION_LOST)
