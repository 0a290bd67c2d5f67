"""Make a charger that knocks at the door a station of somebody's."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Lower

from apps.stations.models import IDENTITY, ChargingStation, Location
from apps.stations.services.keys import hash_key, new_station_key


class CannotAdopt(ValueError):
    """The identity is none, or somebody has it; the message says which."""


@transaction.atomic
def adopt_station(*, location_id: int, identity: str) -> tuple[ChargingStation, str]:
    """Make a station at a location and return it with its key, the only time that is ever shown.

    identity  as the charger has it, capitals and all

    :raises CannotAdopt: it could be no charger's, or a station has it already, perhaps in other capitals
    """
    try:
        IDENTITY(identity)
    except ValidationError as error:
        raise CannotAdopt(error.messages[0]) from error
    location = Location.objects.select_for_update(no_key=True).get(pk=location_id)
    if ChargingStation.objects.annotate(folded=Lower("identity")).filter(folded=identity.lower()).exists():
        raise CannotAdopt("A station with this identity exists already.")
    key = new_station_key()
    return ChargingStation.objects.create(location=location, identity=identity, key_hash=hash_key(key)), key
