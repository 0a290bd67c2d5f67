"""Charging at home in console and portal: accounts stay masked, files are made once, fleets read their statements."""

from datetime import date

import pytest
from django.urls import reverse

from apps.accounting.models import HomeFile, HomePayout, HomeReceipt, HomeStatement
from apps.accounting.services.home import make_home_file
from apps.accounts.domain.roles import Role
from apps.contracts.models import HomeAgreement, HomeDriver
from tests.factories import make_member
from tests.integration.accounting.home_world import APRIL, agreement, charge, driver, home, site, state
from tests.integration.tenants import signed_in

IBAN = "DE89370400440532013000"

__all__ = ["agreement", "driver", "home", "site"]


@pytest.fixture
def clerk(site, home, driver):
    """Somebody of the seller's who handles money; one statement of 6.40 is due."""
    charge(home)
    state(driver)
    return signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)


class TestADriversAccount:
    def test_is_shown_masked_and_kept_where_nothing_is_typed(self, clerk, driver):
        page = reverse("admin:contracts_homedriver_change", args=[driver.pk])
        form = {"name": "Jörg Müller", "email": "", "language": "de", "payroll_number": "0815", "iban": ""}
        inline = {f"chargers-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}

        shown = (
            clerk.get(page).content.decode()
            + clerk.get(reverse("admin:contracts_homedriver_changelist")).content.decode()
        )
        clerk.post(page, {**form, **inline})

        assert IBAN not in shown
        assert "DE…3000" in shown
        driver.refresh_from_db()
        assert (driver.iban, driver.language) == (IBAN, "de")

    def test_is_replaced_by_a_valid_one_alone(self, clerk, driver):
        page = reverse("admin:contracts_homedriver_change", args=[driver.pk])
        form = {"name": "Jörg Müller", "language": "de", "chargers-TOTAL_FORMS": "0", "chargers-INITIAL_FORMS": "0"}

        refused = clerk.post(page, {**form, "iban": "DE89 3704 0044 0532 0130 01"}).content.decode()
        clerk.post(page, {**form, "iban": "de02 1203 0000 0000 2020 51"})

        assert "is no IBAN" in refused
        driver.refresh_from_db()
        assert driver.iban == "DE02120300000000202051"


class TestPayingDrivers:
    def test_makes_a_file_that_is_downloaded_as_it_was_made(self, clerk):
        page = reverse("admin:accounting_homefile_make_file")
        assert "Jörg Müller €6.40" in clerk.get(page).content.decode()

        clerk.post(page, {"kind": "pain001", "execution_date": "2026-04-02"})

        file = HomeFile.objects.get()
        download = clerk.get(reverse("admin:accounting_homefile_download", args=[file.pk]))
        assert download.content == bytes(file.content)
        assert download["Content-Type"] == "application/xml"
        assert (
            "Nothing is due" in clerk.post(page, {"kind": "pain001", "execution_date": "2026-04-02"}).content.decode()
        )

    def test_notes_that_it_was_paid_and_that_it_came_back(self, clerk, site):
        make_home_file(
            seller_id=site.owner.pk, kind=HomeFile.Kind.PAIN001, execution_date=date(2026, 4, 2), by=None, at=APRIL
        )
        payout = HomePayout.objects.get()

        clerk.post(reverse("admin:accounting_homepayout_paid", args=[payout.pk]))
        payout.refresh_from_db()
        assert payout.status == "paid"
        clerk.post(reverse("admin:accounting_homepayout_returned", args=[payout.pk]), {"reason": "Account closed"})
        payout.refresh_from_db()
        assert (payout.status, payout.reason) == ("returned", "Account closed")
        assert HomeStatement.objects.get().payout is None

    def test_notes_money_from_a_fleet(self, clerk, agreement):
        page = reverse("admin:accounting_homereceipt_note")
        assert "6.40" in clerk.get(page).content.decode()

        form = {"agreement": agreement.pk, "received_on": "2026-04-08", "amount": "6.40", "reference": "TRF 77"}
        assert "no such small amounts" in clerk.post(page, {**form, "amount": "6.405"}).content.decode()
        clerk.post(page, form)

        assert HomeReceipt.objects.get().reference == "TRF 77"

    def test_is_closed_to_support(self, clerk, site):
        support = signed_in(make_member(organisation=site.owner, role=Role.SUPPORT).user)

        answer = support.post(
            reverse("admin:accounting_homefile_make_file"), {"kind": "pain001", "execution_date": "2026-04-02"}
        )

        assert answer.status_code == 403
        assert not HomeFile.objects.exists()

    @pytest.mark.parametrize("act", ["pdf", "fleet", "table"])
    def test_shows_the_statements(self, clerk, act):
        statement = HomeStatement.objects.get()

        answer = clerk.get(reverse(f"admin:accounting_homestatement_{act}", args=[statement.pk]))

        assert answer.status_code == 200
        assert answer["Content-Type"] in ("application/pdf", "text/csv; charset=utf-8")


class TestAFleet:
    def test_reads_its_statements_in_the_portal_and_nobody_elses(self, clerk, site, agreement):
        fleet = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)

        page = fleet.get(reverse("portal:home-charging")).content.decode()
        table = fleet.get(reverse("portal:home-statement", args=[agreement.pk, 2026, 3, "csv"]))

        assert "Jörg Müller (DE…3000)" in page
        assert IBAN not in page
        assert "Jörg Müller" in table.content.decode("utf-8-sig")
        assert reverse("portal:home-charging") in fleet.get(reverse("portal:contracts")).content.decode()
        stranger = signed_in(make_member(organisation=site.owner, role=Role.FLEET_ADMIN).user)
        for address in ([agreement.pk, 2026, 4, "csv"], [agreement.pk, 2026, 3, "xls"]):
            assert fleet.get(reverse("portal:home-statement", args=address)).status_code == 404
        missing = stranger.get(reverse("portal:home-statement", args=[agreement.pk, 2026, 3, "csv"]))
        assert missing.status_code in (403, 404)

    def test_is_told_in_german_what_it_is(self, clerk, site):
        fleet = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)

        page = fleet.get(reverse("portal:home-charging"), headers={"accept-language": "de"}).content.decode()

        assert "Laden zu Hause" in page
        assert "per Überweisung" in page

    def test_without_an_agreement_is_told_what_to_do(self, db, site):
        HomeAgreement.objects.all().delete()
        fleet = signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)

        page = fleet.get(reverse("portal:home-charging")).content.decode()

        assert "Ask your charging provider" in page
        assert not HomeDriver.objects.exists()
