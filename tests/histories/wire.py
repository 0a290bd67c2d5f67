"""The SDK's requests handed straight to the double of this process, as its HTTP server would: a third of a call's time
goes into sockets and threads that histories learn nothing from. What is checked of a request is checked all the same.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe

from apps.payments.sandbox.api import Api, Request


def ask(api: Api, method: str, url: str, headers: Mapping[str, str], post_data: str | None) -> tuple[bytes, int, Any]:
    """Return body, status and headers, as the SDK's client does.

    :raises stripe.APIConnectionError: the answer was dropped
    """
    target = urlsplit(url)
    form = post_data or "" if method.upper() in ("POST", "DELETE") else target.query
    named = {name.lower(): value for name, value in headers.items()}
    log, answer = api.answer(Request(method=method.upper(), path=target.path, headers=named, form=form))
    if answer.is_dropped:
        raise stripe.APIConnectionError("dropped") from requests.ConnectionError("dropped")
    return json.dumps(answer.body).encode(), answer.status, {"Request-Id": log.id}
