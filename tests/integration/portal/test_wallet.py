"""The customer's wallet page: what is left, every movement explained, and the top-up told through Stripe's double."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import SpendingLimit
from apps.payments.models import Payment, WalletOffer
from apps.payments.sandbox import complete_checkout
from apps.payments.services.papers import print_receipts
from apps.payments.wallet_statements import months_of, statement_html, statement_of
from tests.factories import make_member, make_organisation
from tests.integration.payments.conftest import GOOD, NOON, sandbox, site
from tests.integration.payments.paying_ahead import charged, make_wallet, top_up
from tests.integration.tenants import signed_in

__all__ = ["sandbox", "site"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(site):
    return make_wallet(site)


@pytest.fixture
def page(wallet) -> str:
    return reverse("portal:wallet", args=[wallet.uid])


@pytest.fixture
def fleet(site):
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)


def words(response) -> str:
    return " ".join(response.content.decode().split())


class TestTheWallet:
    def test_that_is_empty_teaches_what_to_do(self, fleet, page):
        seen = words(fleet.get(page))

        assert "Nothing has moved yet" in seen
        assert "Too little for another session: each reserves €10.00" in seen
        assert "€25.00" in seen
        assert "from €10.00 to €500.00" in seen

    def test_is_topped_up_by_a_button_and_comes_back_with_the_money(self, sandbox, fleet, page, wallet):
        response = fleet.post(reverse("portal:wallet-top-up", args=[wallet.uid]), {"amount": "50"})
        complete_checkout(response["Location"], GOOD)
        back = fleet.get(page, {"paid": "1"}, follow=True)

        assert response["Location"].startswith(sandbox.url)
        assert "€50.00" in words(back)
        assert "Topped up by card" in words(back)
        assert back.redirect_chain[-1][0] == page

    @pytest.mark.parametrize(("typed", "amount"), [("40,50", "40.50"), ("40.50", "40.50"), (" 12 ", "12.00")])
    def test_takes_another_amount_with_either_decimal_mark(self, sandbox, fleet, wallet, typed, amount):
        fleet.post(reverse("portal:wallet-top-up", args=[wallet.uid]), {"other": typed})

        assert Payment.objects.get().amount.amount == Decimal(amount)

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("", "Please enter an amount"),
            ("abc", "Please enter an amount"),
            ("1e400", "Please enter an amount"),
            ("NaN", "Please enter an amount"),
            ("20.001", "Please enter an amount"),
            ("5", "between €10.00 and €500.00"),
            ("501", "between €10.00 and €500.00"),
        ],
    )
    def test_refuses_an_amount_in_words(self, sandbox, fleet, wallet, typed, said):
        response = fleet.post(reverse("portal:wallet-top-up", args=[wallet.uid]), {"other": typed}, follow=True)

        assert said in words(response)
        assert not Payment.objects.exists()

    def test_explains_each_movement_to_its_session(self, sandbox, site, fleet, page, wallet):
        top_up(wallet)
        cdr = charged(site)

        seen = words(fleet.get(page))

        assert reverse("portal:session", args=[cdr.session.uid]) in seen
        assert "-€10.00" in seen
        assert "€40.00" in seen

    def test_says_what_running_sessions_have_reserved(self, fleet, page, wallet):
        SpendingLimit.objects.filter(contract=wallet.contract_id).update(reserved=10)

        assert "reserved by running sessions" in words(fleet.get(page))

    def test_speaks_german(self, sandbox, site, fleet, page, wallet):
        top_up(wallet)
        charged(site)

        seen = words(fleet.get(page, headers={"accept-language": "de"}))

        for word in ("Guthaben aufladen", "Mit Karte aufgeladen", "Ladevorgang", "Bewegungen", "Stand", "Tag"):
            assert word in seen

    def test_is_on_the_overview(self, fleet, page):
        assert page in words(fleet.get(reverse("portal:home")))

    def test_of_a_seller_who_offers_it_no_more_has_no_button(self, fleet, page, wallet):
        WalletOffer.objects.all().delete()

        assert "not topped up any more" in words(fleet.get(page))


class TestTheReceipt:
    @pytest.fixture
    def address(self, sandbox, wallet) -> str:
        top_up(wallet)
        (movement,) = wallet.movements.all()
        return reverse("portal:wallet-receipt", args=[wallet.uid, movement.pk])

    def test_is_downloaded_from_its_movement_once_it_is_printed(self, fleet, page, wallet, address):
        before = words(fleet.get(page))
        print_receipts(wallet_id=wallet.pk, at=NOON)

        assert (address in before, address in words(fleet.get(page))) == (False, True)
        assert fleet.get(address).content.startswith(b"%PDF")

    def test_is_nobodys_else(self, fleet, wallet, address):
        assert fleet.get(address).status_code == 404
        print_receipts(wallet_id=wallet.pk, at=NOON)
        stranger = signed_in(make_member(organisation=make_organisation(), role=Role.FLEET_ADMIN).user)

        assert stranger.get(address).status_code == 404

    def test_is_linked_in_the_console(self, site, wallet, address):
        (document,) = print_receipts(wallet_id=wallet.pk, at=NOON)
        owner = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)

        seen = owner.get(reverse("admin:payments_wallet_change", args=[wallet.pk])).content.decode()

        assert reverse("admin:documents_document_download", args=[document.pk]) in seen


class TestWhoMay:
    def test_a_driver_of_the_fleet_looks_and_pays_nothing(self, sandbox, site, page, wallet):
        driver = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_USER).user)

        assert "Only an administrator" in words(driver.get(page))
        response = driver.post(reverse("portal:wallet-top-up", args=[wallet.uid]), {"amount": "50"})
        assert (response.status_code, Payment.objects.count()) == (403, 0)

    def test_another_customer_finds_nothing(self, sandbox, page, wallet):
        stranger = signed_in(make_member(organisation=make_organisation(), role=Role.FLEET_ADMIN).user)

        statuses = [
            stranger.get(page).status_code,
            stranger.post(reverse("portal:wallet-top-up", args=[wallet.uid]), {"amount": "50"}).status_code,
        ]

        assert (statuses, Payment.objects.count()) == ([404, 404], 0)


class TestTheStatement:
    def test_tells_every_movement_between_two_balances(self, sandbox, site, wallet):
        top_up(wallet)
        cdr = charged(site)
        zone = ZoneInfo("Europe/Berlin")
        (month,) = months_of(wallet, zone=zone)

        found = statement_of(wallet, month=month, zone=zone)
        page = statement_html(found, zone=zone)

        assert (found.opening, found.paid_in, found.used, found.given_back) == (0, Decimal(50), Decimal(-10), 0)
        assert found.closing == Decimal("40.00")
        for words in ("Statement of your prepaid wallet", "€50.00", "-€10.00", "20.000 kWh", "€40.00"):
            assert words in page
        assert str(cdr.session.station.location) in page

    def test_is_sent_for_a_month_in_which_something_moved(self, sandbox, wallet, fleet, page):
        top_up(wallet)
        (month,) = months_of(wallet, zone=ZoneInfo("Europe/Berlin"))
        address = reverse("portal:wallet-statement", args=[wallet.uid, month.year, month.month])

        sheet = fleet.get(address)

        assert address in words(fleet.get(page))
        assert sheet.content[:5] in (b"%PDF-", b"<!doc")
        assert f"prepaid-{wallet.contract.number}-{month:%Y-%m}" in sheet["Content-Disposition"]
        assert fleet.get(reverse("portal:wallet-statement", args=[wallet.uid, 2020, 1])).status_code == 404

    def test_is_nobody_elses(self, sandbox, wallet):
        top_up(wallet)
        (month,) = months_of(wallet, zone=ZoneInfo("Europe/Berlin"))
        stranger = signed_in(make_member(organisation=make_organisation(), role=Role.FLEET_ADMIN).user)

        address = reverse("portal:wallet-statement", args=[wallet.uid, month.year, month.month])

        assert stranger.get(address).status_code == 404
