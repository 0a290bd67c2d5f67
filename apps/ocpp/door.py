"""The door: who is let in, and what the others hear.

Unknown identities, wrong keys and certificates that do not fit hear the same. Only who has shown the right key is told
that it came by too low a security profile, and only then is anything written.
"""

import time
from dataclasses import dataclass
from typing import Final

from apps.core import clock
from apps.ocpp import services
from apps.ocpp.authentication import IDENTITY, Brake
from apps.ocpp.models import EventKind
from apps.ocpp.pool import in_pool, in_slow_lane
from apps.ocpp.together import Together
from apps.ocpp.visitors import Visitor
from apps.stations import services as stations
from apps.stations.domain.door import SecurityProfile
from apps.stations.services import Knock, StationLogin

NOTED_EVERY_S: Final = 600.0
"""How seldom it is written that a station came by too low a profile: it tries again every few seconds."""

brake = Brake()
_knocks: Final = Together(stations.authenticate_stations)
_noted: dict[int, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An HTTP answer instead of the websocket."""

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


UNKNOWN: Final = Refused(
    status=401, reason="unknown station or wrong key", headers=((b"WWW-Authenticate", b'Basic realm="OCPP"'),)
)
_TOO_LOW: Final = {
    SecurityProfile.BASIC_OVER_TLS: "this station is let in over TLS only (wss, security profile 2)",
    SecurityProfile.CLIENT_CERTIFICATE: "this station is let in by its client certificate only (security profile 3)",
}


async def answer(visitor: Visitor) -> StationLogin | Refused:
    """Decide whether a visitor gets in; a refusal takes its time where many were refused lately."""
    login = await _authenticate(visitor)
    if login is None:
        await brake.hold(visitor.address, visitor.identity)
        return UNKNOWN
    if not login.is_let_in:
        await _note_too_low(login, visitor)
        return Refused(status=403, reason=_TOO_LOW[login.required_profile])
    return login


async def _authenticate(visitor: Visitor) -> StationLogin | None:
    if not IDENTITY.fullmatch(visitor.identity) or (visitor.key is None and visitor.certificate is None):
        return None
    knock = Knock(
        identity=visitor.identity,
        key=visitor.key,
        is_encrypted=visitor.is_encrypted,
        certificate=visitor.certificate,
    )
    if not brake.is_suspect(visitor.address):
        return await _knocks.ask(knock)
    # Who guesses queues behind his like, so that no number of guesses holds up a station's own way in.
    (login,) = await in_slow_lane(stations.authenticate_stations, knocks=[knock])
    return login


async def _note_too_low(login: StationLogin, visitor: Visitor) -> None:
    now_s = time.monotonic()
    if now_s - _noted.get(login.station_id, -NOTED_EVERY_S) < NOTED_EVERY_S:
        return
    _noted[login.station_id] = now_s
    await in_pool(
        services.note_event,
        station_id=login.station_id,
        at=clock.now(),
        kind=EventKind.SECURITY,
        text=f"refused from {visitor.address}: it came by security profile {login.profile.value}, "
        f"and {login.required_profile.value} is asked of it",
    )
