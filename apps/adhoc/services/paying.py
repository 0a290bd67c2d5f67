"""From a price that was read to a page where a card is typed: one attempt a page, however often the button is hit."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from apps.adhoc.selectors import Offer
from apps.invoices.domain.receipts import Buyer
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import AttemptOver, create_attempt, open_checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """An attempt and where its card is typed; "" where no card is needed, or not any more."""

    attempt: PaymentAttempt
    url: str


def pay(
    *,
    offer: Offer,
    page_key: str,
    language: str,
    return_to: Callable[[str], str],
    cancel_url: str,
    at: datetime,
    buyer: Buyer | None = None,
) -> Checkout:
    """Make the attempt for an offer and open its hosted page; the same page's second click gets the same of both.

    page_key   names the page on which the driver read the price
    buyer      whom a full invoice would name, where a receipt without one might not do
    return_to  makes the absolute address to which the hosted page leads back, of the attempt's token

    :raises CheckoutUnavailable: Stripe gave no answer; what was begun is finished by the janitor
    """
    assert offer.hindrance is None, "the page has no button then"
    assert offer.quote is not None, "what has no price has a hindrance"
    assert offer.version is not None
    evse = offer.pay_code.connector.evse
    attempt = create_attempt(
        evse_id=evse.pk,
        seller_id=evse.station.location.owner_id,
        tariff_version_id=offer.version.pk,
        pay_code=offer.pay_code.code,
        hold_amount=offer.quote.hold_amount,
        currency=offer.quote.currency,
        language=language,
        page_key=page_key,
        buyer=asdict(buyer) if buyer else {},
        at=at,
    )
    if attempt.is_free:
        return Checkout(attempt=attempt, url="")
    try:
        url = open_checkout(attempt_id=attempt.pk, success_url=return_to(attempt.token), cancel_url=cancel_url, at=at)
    except AttemptOver:
        # Paid or closed since the page was read: the charge's own page says what became of it.
        url = ""
    return Checkout(attempt=attempt, url=url)
