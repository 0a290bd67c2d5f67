"""An operator lets a contract be prepaid, looks at its wallet, and gives the rest back."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import Contract, SpendingLimit
from apps.payments.models import Refund, Wallet, WalletOffer
from tests.factories import make_contract, make_member
from tests.integration.payments.conftest import sandbox, site
from tests.integration.payments.paying_ahead import charged, make_wallet, top_up
from tests.integration.tenants import signed_in

__all__ = ["sandbox", "site"]
pytestmark = pytest.mark.django_db
OPEN = "admin:payments_wallet_open"


@pytest.fixture
def operator(site):
    return signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)


def words(response) -> str:
    return " ".join(response.content.decode().split())


class TestOpening:
    def test_leads_from_the_contract_to_a_wallet_on_the_sellers_terms(self, site, operator):
        WalletOffer.objects.create(seller=site.owner, currency="EUR", bound="5.00", session_amount="15.00")
        asked = operator.get(reverse("admin:contracts_contract_wallet", args=[site.contract.pk]), follow=True)

        done = operator.post(reverse(OPEN), {"contract": site.contract.pk}, follow=True)

        assert f'value="{site.contract.pk}" selected' in words(asked)
        assert "is prepaid from now on" in words(done)
        limit = SpendingLimit.objects.get(contract=site.contract)
        assert (limit.is_prepaid, limit.amount, limit.session_amount) == (True, Decimal(5), Decimal(15))

    def test_without_an_offer_says_what_to_do_first(self, site, operator):
        page = words(operator.post(reverse(OPEN), {"contract": site.contract.pk}))

        assert "Say first what you offer whoever pays in advance" in page
        assert not Wallet.objects.exists()

    def test_is_not_for_another_sellers_contract(self, site, operator):
        WalletOffer.objects.create(seller=site.owner, currency="EUR")
        foreign = make_contract()

        operator.post(reverse(OPEN), {"contract": foreign.pk})

        assert not Wallet.objects.exists()
        assert operator.get(reverse("console:wallet"), {"contract": foreign.pk}).status_code == 404
        assert operator.get(reverse("console:wallet"), {"contract": "x"}).status_code == 404

    def test_is_nothing_a_contracts_form_does(self, site, operator):
        address = reverse("admin:contracts_contract_change", args=[site.contract.pk])
        assert "From the prepaid wallet" not in words(operator.get(address))

        make_wallet(site)

        page = words(operator.get(address))
        assert "From the prepaid wallet" in page
        assert "On the due date" not in page

    def test_an_offer_whose_least_is_above_its_most_is_refused_in_words(self, site, operator):
        form = {
            "currency": "EUR", "amounts": "25,50", "least": "50", "most": "10", "low_balance": "5", "bound": "0",
            "session_amount": "10",
        }  # fmt: skip

        page = words(operator.post(reverse("admin:payments_walletoffer_add"), form))

        assert "The largest top-up is not below the least one." in page
        assert not WalletOffer.objects.exists()


class TestTheWallet:
    def test_shows_what_moved_and_of_what(self, sandbox, site, operator):
        wallet = make_wallet(site)
        top_up(wallet)
        cdr = charged(site)

        page = words(operator.get(reverse("admin:payments_wallet_change", args=[wallet.pk])))

        assert "€40.00" in page
        assert reverse("console:session", args=[cdr.session.uid]) in page

    def test_is_found_from_its_contract(self, site, operator):
        wallet = make_wallet(site)

        response = operator.get(reverse("console:wallet"), {"contract": site.contract.pk})

        assert response["Location"] == reverse("admin:payments_wallet_change", args=[wallet.pk])


class TestGivingBack:
    def test_goes_to_the_card_with_the_reason_once(self, sandbox, site, operator):
        wallet = make_wallet(site)
        top_up(wallet)
        address = reverse("admin:payments_wallet_give_back", args=[wallet.pk])
        assert "Give back €50.00" in words(operator.get(address))

        form = {"seen": "50.00", "reason": "moved away"}
        first, again = (operator.post(address, form, follow=True) for _ in range(2))

        assert "€50.00 go back to the card." in words(first)
        assert "moved meanwhile" in words(again)
        refund = Refund.objects.get()
        assert (refund.status, refund.reason, refund.requested_by is not None) == ("succeeded", "moved away", True)

    def test_is_for_those_who_keep_the_money(self, site):
        wallet = make_wallet(site)
        support = signed_in(make_member(organisation=site.owner, role=Role.SUPPORT).user)

        response = support.post(reverse("admin:payments_wallet_give_back", args=[wallet.pk]), {"seen": "0"})

        assert response.status_code == 403

    def test_leaves_the_contract_prepaid(self, sandbox, site, operator):
        wallet = make_wallet(site)
        top_up(wallet)

        address = reverse("admin:payments_wallet_give_back", args=[wallet.pk])
        operator.post(address, {"seen": "50.00", "reason": "moved away"})

        assert Contract.objects.get(pk=site.contract.pk).collects_on == "wallet"
