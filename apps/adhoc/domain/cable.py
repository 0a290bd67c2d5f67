"""Whether a driver may have the cable unlocked: only their own, only after their charge, and not again and again.

===============================================  ===========
it is                                            the word
===============================================  ===========
still charging, or not begun                     NOT_YET
somebody else's turn, or a day after the end     OVER
not connected                                    OFFLINE
asked and not answered                           ASKED
asked ``MOST_TRIES`` times                       SPENT
answered: it let go · it could not, or nothing   LET_GO · FAILED
not asked yet                                    READY
===============================================  ===========

The first line that fits holds. An unlocked cable of somebody else's car would end their charge, or let it be stolen.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

MOST_TRIES: Final = 3
IN_REACH: Final = timedelta(hours=24)
"""So long after the end the car may still stand there; later nobody knows whose cable it is."""

_WAITING: Final = frozenset({"requested", "sent"})


class CableWord(StrEnum):
    NOT_YET = "not_yet"
    OVER = "over"
    OFFLINE = "offline"
    ASKED = "asked"
    SPENT = "spent"
    LET_GO = "let_go"
    FAILED = "failed"
    READY = "ready"

    @property
    def may_ask(self) -> bool:
        return self in {CableWord.READY, CableWord.LET_GO, CableWord.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class CableFacts:
    """since_end: of the charge; None: it has not ended · is_last: nobody has charged or paid at the EVSE since then

    tries  what became of each unlock command that the driver asked for, the oldest first
    """

    since_end: timedelta | None
    is_last: bool
    is_online: bool
    tries: tuple[str, ...] = ()


def cable_word(facts: CableFacts) -> CableWord:
    """Tell how it stands with the cable."""
    if facts.since_end is None:
        return CableWord.NOT_YET
    if not facts.is_last or facts.since_end > IN_REACH:
        return CableWord.OVER
    if not facts.is_online:
        return CableWord.OFFLINE
    if facts.tries and facts.tries[-1] in _WAITING:
        return CableWord.ASKED
    if len(facts.tries) >= MOST_TRIES:
        return CableWord.SPENT
    if not facts.tries:
        return CableWord.READY
    return CableWord.LET_GO if facts.tries[-1] == "accepted" else CableWord.FAILED
