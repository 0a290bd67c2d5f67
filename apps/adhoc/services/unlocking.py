"""A cable that does not come out after the charge: ask the station to let it go."""

from datetime import datetime

from django.db import transaction

from apps.adhoc.cables import cable_of
from apps.adhoc.services.locks import lock_evse_and_attempt
from apps.stations.domain.calls import unlock_call
from apps.stations.selectors import connector_number_of
from apps.stations.services import ask_station


@transaction.atomic
def unlock_cable(*, attempt_id: int, at: datetime) -> bool:
    """Ask the station to unlock the attempt's connector; False where that is not this driver's to ask, or not now.

    Who starts on the EVSE waits for the same lock, so the cable is never that of the next car.
    """
    evse, attempt = lock_evse_and_attempt(attempt_id)
    if not cable_of(attempt, at=at).may_ask:
        return False
    call = unlock_call(
        evse.station.protocol, evse_number=evse.number, connector_number=connector_number_of(attempt.pay_code)
    )
    ask_station(station_id=evse.station_id, call=call, at=at, requested_by=None)
    return True
