"""Raw frames are kept for a while and then deleted, but for those of sessions that are not over for everybody.

What was deleted is known (``FrameHorizon``), so that the audit asks only for frames that must still be there (I10).
"""

from datetime import datetime, timedelta
from typing import Final

import pgtrigger
from django.db import transaction

from apps.ocpp.models import Frame, FrameHorizon
from apps.sessions.selectors import frames_still_needed
from apps.stations.models import ChargingStation

AT_ONCE: Final = 5_000


def forget_frames(*, at: datetime, kept_for: timedelta) -> int:
    """Delete the frames received ``kept_for`` ago or before, in batches; return how many.

    Interrupted, it goes on the next time.
    """
    count = 0
    for station_id in ChargingStation.objects.order_by("pk").values_list("pk", flat=True):
        while deleted := _forget_some(station_id, before=at - kept_for):
            count += deleted
    return count


@transaction.atomic
def _forget_some(station_id: int, *, before: datetime) -> int:
    old = Frame.objects.filter(station_id=station_id, received_at__lt=before)
    needed = frames_still_needed(station_id, before=before) if old.exists() else set()
    ids = list(old.exclude(pk__in=needed).order_by("received_at", "pk").values_list("pk", flat=True)[:AT_ONCE])
    if not ids:
        return 0
    FrameHorizon.objects.get_or_create(station_id=station_id, defaults={"deleted_to": 0})
    horizon = FrameHorizon.objects.select_for_update(no_key=True).get(station_id=station_id)
    horizon.set_deleted_to(max(horizon.deleted_to, *ids))
    with pgtrigger.ignore("ocpp.Frame:frame_append_only"):
        deleted, _ = Frame.objects.filter(pk__in=ids).delete()
    return deleted
