"""How Stripe says no: one exception, and a kind of it for requests that should never have been sent."""

from typing import Any


class Refusal(Exception):
    """A request answered with an error object.

    status  the HTTP status
    kind    Stripe's error ``type``: ``invalid_request_error``, ``card_error``, ``idempotency_error``, ``api_error``
    extra   further members of the error object, e.g. ``decline_code`` or the ``payment_intent`` it concerns
    """

    caller_mistake = False

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code is not None:
            self.error["code"] = code
        if param is not None:
            self.error["param"] = param
        self.error |= extra

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {"error": self.error}


class CallerMistake(Refusal):
    """A request that no correct caller sends; it goes to the log of rejected requests."""

    caller_mistake = True


def missing(kind: str, identifier: str, *, param: str = "id") -> Refusal:
    """Refuse a reference to an object that is not there."""
    return Refusal(f"No such {kind}: '{identifier}'", status=404, code="resource_missing", param=param)
