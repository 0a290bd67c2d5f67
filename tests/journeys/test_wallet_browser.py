"""A fleet's manager tops its prepaid wallet up with a phone in the hand: portal, hosted Checkout, and back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.contracts.models import Contract
from apps.core import audit
from apps.payments.models import Payment, Wallet, WalletMovement, WalletOffer
from apps.payments.sandbox import Control
from apps.payments.services.wallets import open_wallet
from apps.payments.wallets import Kind
from config.demo.world import OWNERS, PASSWORD
from tests.journeys.database import transactional_db

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
GOOD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"


@pytest.fixture(scope="module")
def wallets(shared) -> dict[str, Wallet]:
    """A wallet of each fleet, by who may top it up."""
    found = {}
    for owner in OWNERS:
        contract = Contract.objects.get(number=owner.fleet.contract_number)
        WalletOffer.objects.get_or_create(seller=contract.seller, defaults={"currency": "EUR"})
        found[owner.fleet.admin_email] = open_wallet(contract_id=contract.pk, at=timezone.now() - timedelta(minutes=1))
    return found


def sign_in(phone, email: str) -> None:
    phone.open("/portal/login/")
    phone.fill({"E-mail address": email, "Password": PASSWORD})
    phone.press("Sign in")


class TestAFleetsManager:
    def test_without_scripts_tops_up_and_sees_the_balance(self, shared, new_phone, wallets):
        email, wallet = next(iter(wallets.items()))
        phone = new_phone(scripts=False)
        sign_in(phone, email)
        phone.wait_for("€0.00")
        phone.open(f"/portal/prepaid/{wallet.uid}/")
        empty = phone.wait_for("Nothing has moved yet")
        phone.press("€50.00")
        phone.type_card(GOOD)
        full = phone.wait_for("Topped up by card")

        assert "€50.00" in full
        assert "Too little for another session" in empty
        assert "Too little for another session" not in full
        payment = Payment.objects.get(wallet=wallet)
        assert (payment.status, payment.amount_received.amount) == ("succeeded", 50)
        assert WalletMovement.objects.filter(wallet=wallet, kind=Kind.TOP_UP).count() == 1
        assert Control(shared.sandbox_url).rejected() == []
        assert list(audit.find_violations()) == []

    def test_fits_the_page_on_a_phone_and_reads_the_paper_of_what_was_paid(self, shared, new_phone, wallets):
        email, wallet = list(wallets.items())[1]
        phone = new_phone()
        sign_in(phone, email)
        phone.open(f"/portal/prepaid/{wallet.uid}/")
        phone.wait_for("Nothing has moved yet")
        phone.shoot("wallet-empty")
        phone.press("€25.00")
        phone.type_card(DECLINED)
        phone.wait_for("declined")
        phone.type_card(GOOD)
        phone.wait_for("Topped up by card")
        phone.shoot("wallet-full")
        movement = WalletMovement.objects.get(wallet=wallet)
        # All that is sold bears one rate, so its VAT is due at once.
        phone.follow(f"Invoice {movement.invoice}")
        phone.wait_for("Top-up of the prepaid wallet")
        phone.shoot("wallet-invoice")

        assert (movement.amount.amount, Payment.objects.filter(wallet=wallet).count()) == (25, 1)
        assert list(audit.find_violations()) == []
