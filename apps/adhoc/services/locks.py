"""The order of locks: the EVSE, then the attempt, then its grant; whoever starts on an EVSE waits for the others."""

from apps.payments.models import PaymentAttempt
from apps.stations.models import Evse


def lock_evse_and_attempt(attempt_id: int) -> tuple[Evse, PaymentAttempt]:
    """Lock the attempt's EVSE, as a session that begins there does, then the attempt."""
    evse_id = PaymentAttempt.objects.values_list("evse_id", flat=True).get(pk=attempt_id)
    evse: Evse = (
        Evse.objects.select_for_update(no_key=True, of=("self",)).select_related("station__location").get(pk=evse_id)
    )
    attempt: PaymentAttempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    return evse, attempt
