"""Write to a customer that their wallet is low or empty: each once until they top it up."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.urls import reverse

from apps.documents.models import Mail
from apps.payments.domain import wallet_letters
from apps.payments.domain.wallets import level_of
from apps.payments.models import Wallet
from apps.payments.services.letters import in_figures, write
from apps.payments.wallets import limit_of, low_since, offer_of


def tell_when_low(wallet: Wallet, *, at: datetime) -> Mail | None:
    """Tell the customer of a locked wallet what is left where that is little; None where it is enough, or was told."""
    offer, limit = offer_of(wallet), limit_of(wallet)
    level = level_of(
        balance=wallet.balance.amount,
        bound=limit.amount,
        session_amount=limit.session_amount,
        low_balance=offer.low_balance if offer else Decimal(0),
    )
    if level is None:
        return None
    customer = wallet.contract.customer
    letter = wallet_letters.little_left(
        customer.language,
        level=level,
        balance=in_figures(wallet.balance, language=customer.language),
        contract=wallet.contract.number,
        address=f"{settings.PUBLIC_URL}{reverse('portal:wallet', args=[wallet.uid])}",
    )
    return write(customer, letter, kind="wallet", key=f"wallet:{wallet.pk}:{level}:{low_since(wallet)}", at=at)
