"""Settlement in the console: who may agree, what both see, and payouts from due to executed."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounting.models import Agreement, OwnerPayout, PayoutFile
from apps.accounts.domain.roles import Role
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

from .conftest import collect
from .test_settlement import settle

pytestmark = pytest.mark.django_db


def operator_of(organisation, role=Role.OWNER):
    return signed_in(make_member(organisation=organisation, role=role, user=make_user(is_staff=True)).user)


def wish(platform, owner, **changes) -> dict[str, object]:
    values = {
        "platform": platform.pk,
        "owner": owner.pk,
        "valid_from": "2026-01-01",
        "percent": "10",
        "per_kwh": "0.02",
        "per_session": "0",
        "minimum_per_month": "5.00",
    }
    return values | changes


class TestAgreement:
    def test_is_made_by_the_platforms_own_operators(self, site, platform):
        root = signed_in(make_user(is_staff=True, is_superuser=True))

        root.post(reverse("admin:accounting_agreement_add"), wish(platform, site.owner))

        made = Agreement.objects.get()
        assert (made.platform, made.owner, made.currency) == (platform, site.owner, "EUR")
        assert (made.percent, made.minimum_per_month) == (Decimal(10), Decimal("5.00"))

    def test_is_not_made_by_whoever_would_like_anothers_money(self, site, platform):
        answer = operator_of(platform).post(reverse("admin:accounting_agreement_add"), wish(platform, site.owner))

        assert answer.status_code == 403
        assert not Agreement.objects.exists()

    def test_of_an_amount_that_the_currency_does_not_have_is_refused_in_words(self, site, platform):
        root = signed_in(make_user(is_staff=True, is_superuser=True))

        answer = root.post(
            reverse("admin:accounting_agreement_add"), wish(platform, site.owner, minimum_per_month="5.001")
        )

        assert "An amount of EUR has fewer decimals." in answer.content.decode()
        assert not Agreement.objects.exists()

    def test_beside_another_is_refused_in_words(self, site, platform, by_bank):
        root = signed_in(make_user(is_staff=True, is_superuser=True))

        answer = root.post(reverse("admin:accounting_agreement_add"), wish(platform, site.owner))

        assert "Somebody collects for this owner on those days already." in answer.content.decode()
        assert Agreement.objects.count() == 1


class TestStatement:
    def test_is_shown_to_platform_and_owner_down_to_the_session(self, sandbox, site, platform, by_bank):
        collect(site)
        page = reverse("admin:accounting_statement_change", args=[settle(by_bank).pk])

        for organisation in (platform, site.owner):
            said = operator_of(organisation).get(page).content.decode()
            for words in ("10 % of net + 0.02 per kWh", "REC-", "20.000 kWh", "€1.24", "€7.16", "€8.52"):
                assert words in said


class TestPayout:
    def test_goes_by_a_file_and_is_posted_when_the_bank_did_it(self, sandbox, site, platform, by_bank):
        collect(site)
        payout = settle(by_bank).payout
        desk = operator_of(platform)

        listed = desk.get(reverse("admin:accounting_ownerpayout_payables")).content.decode()
        desk.post(reverse("admin:accounting_ownerpayout_make_file"), {"execution_date": "2026-12-03"})
        file = PayoutFile.objects.get()
        download = desk.get(reverse("admin:accounting_payoutfile_download", args=[file.pk]))
        desk.post(reverse("admin:accounting_ownerpayout_executed", args=[payout.pk]))

        assert "€8.52" in listed
        assert download.content == bytes(file.content)
        assert f"{file.message_id}.xml" in download["Content-Disposition"]
        assert OwnerPayout.objects.get().status == "executed"

    def test_is_not_sent_by_whoever_handles_no_money(self, sandbox, site, platform, by_bank):
        collect(site)
        settle(by_bank)
        desk = operator_of(platform, Role.TECHNICIAN)

        answer = desk.post(reverse("admin:accounting_ownerpayout_make_file"), {"execution_date": "2026-12-03"})

        assert answer.status_code == 403
        assert not PayoutFile.objects.exists()
