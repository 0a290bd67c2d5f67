"""The door for Stripe's webhooks: verify, keep, answer; everything else is the worker's."""

import logging
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.core.clock import now
from apps.payments.gateway import read_webhook
from apps.payments.outcomes import ForgedEvent
from apps.payments.services.events import receive_event
from apps.payments.services.operations import WrongMode

log = logging.getLogger(__name__)

MAX_BODY: Final = 256 * 1024


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Answer 200 once the event is kept; 400 to what no secret of ours signed or what is of the other mode."""
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return HttpResponse("too large", status=413, content_type="text/plain")
    try:
        hint = read_webhook(body=body, signature=request.headers.get("Stripe-Signature", ""))
        receive_event(hint=hint, at=now())
    except (ForgedEvent, WrongMode) as error:
        log.warning("webhook refused: %s", error)
        return HttpResponse("refused", status=400, content_type="text/plain")
    return HttpResponse("kept", content_type="text/plain")
