"""What the database refuses of charging at home."""

import pytest

from apps.accounting.models import HomeFile, HomeLine, HomePayout, HomeStatement
from apps.contracts.models import HomeAgreement, HomeCharger, HomeDriver
from tests.factories import make_owner, make_station, make_tariff
from tests.integration.accounting.home_world import APRIL, MARCH, agreement, charge, driver, home, pay, site, state
from tests.refusals import refused_by, run_sql

__all__ = ["agreement", "driver", "home", "site"]
pytestmark = pytest.mark.django_db


class TestTheDatabaseRefuses:
    def test_a_wallbox_at_two_homes_or_of_another_seller(self, site, home, driver, agreement):
        other = HomeDriver.objects.create(agreement=agreement, name="Another")

        with refused_by("home_charger_at_one_home_a_day", HomeCharger):
            HomeCharger.objects.create(driver=other, station=home.station, first_day=MARCH)
        with refused_by("the wallbox is of another seller", HomeCharger):
            HomeCharger.objects.create(driver=driver, station=make_station(), first_day=MARCH)

    def test_a_tariff_of_another_seller_and_an_account_that_is_none(self, site, agreement):
        with refused_by("the reimbursement tariff is of another seller", HomeAgreement):
            HomeAgreement.objects.update(tariff=make_tariff(owner=make_owner()))
        with refused_by("home_driver_iban_is_compact", HomeDriver):
            run_sql(
                "INSERT INTO contracts_homedriver (agreement_id, name, email, language, iban, payroll_number)"
                " VALUES (%s, 'X', '', 'en', 'no iban', '')",
                agreement.pk,
            )

    def test_statements_and_lines_to_change_and_a_sum_that_is_none(self, home, driver):
        charge(home)
        statement = state(driver)

        with refused_by("statements of charging at home are frozen", HomeStatement):
            HomeStatement.objects.update(amount=1)
        with refused_by("lines of statements are never changed or deleted", HomeLine):
            HomeLine.objects.update(amount=1)
        with refused_by("home_statement_once_a_month", HomeStatement):
            HomeStatement.objects.create(
                driver=driver, month=MARCH, currency="EUR", amount=0, energy_milliwh=0, made_at=APRIL
            )
        with refused_by("a statement is the sum of its lines", HomeStatement):
            run_sql(
                "INSERT INTO accounting_homestatement (driver_id, month, currency, amount, energy_milliwh, made_at)"
                " VALUES (%s, '2026-05-01', 'EUR', 5, 0, now()); SET CONSTRAINTS ALL IMMEDIATE",
                driver.pk,
            )
        assert statement.lines.count() == 1

    def test_a_statement_to_leave_the_payment_that_pays_it(self, site, home, driver):
        charge(home)
        state(driver)
        pay(site)

        with refused_by("a statement is paid once, to its driver", HomeStatement):
            HomeStatement.objects.update(payout=None)
        with refused_by("payments to drivers are frozen", HomePayout):
            HomePayout.objects.update(amount=1)
        with refused_by("files that pay drivers are never changed or deleted", HomeFile):
            HomeFile.objects.update(message_id="other")
