"""What credit notes and a plan's charges make of each other, worked by hand.

The site's tariff is net: 0.49 a kWh by day; VAT 19 %. The plans say 30.00 a month and 10 kWh included.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import ContractPlan
from apps.contracts.plans import why_not_given
from apps.invoices.errors import NotBilledAgain, NotCreditable
from apps.invoices.models import BilledAgain, BilledPeriod, Invoice
from apps.invoices.services.billing_again import bill_again
from apps.invoices.services.crediting import credit_amounts, credit_invoice, creditable_lines, preview_credit
from apps.sessions.services.rating import repeat_cdr
from tests.factories import give_plan, make_member, make_plan, make_user
from tests.integration.admin.test_lists import filled_in
from tests.integration.invoices.test_plans import by_day, violations
from tests.integration.invoices.world import APRIL, bill, make_cdr, revise
from tests.integration.tenants import signed_in
from tests.refusals import refused_by

MARCH_1, APRIL_30 = date(2026, 3, 1), date(2026, 4, 30)
MAY = APRIL + timedelta(days=30)


def nets(invoices: list[Invoice]) -> list[list[Decimal]]:
    return [[line.net.amount for line in invoice.lines.all()] for invoice in invoices]


def amounts(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


class TestASession:
    def test_that_was_included_gives_nothing_back_and_others_what_they_cost(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="12.5", base_fee="30.00")
        by_day(site, "10", day=10)
        by_day(site, "10", day=11)
        (invoice,) = bill(site)
        first, second, fee, _ = creditable_lines(invoice)

        # 4.90 and 4.90 with −6.13 between them: 3.065 each, the first takes the odd cent.
        assert [each.most for each in creditable_lines(invoice)] == amounts("1.83", "1.84", "30.00", "0")
        for asked in ("1.84", "4.90"):
            with pytest.raises(NotCreditable, match=r"of which 1\.83 EUR can be given back"):
                preview_credit(invoice, {first.line.pk: Decimal(asked)})
        note = credit_amounts(
            invoice_id=invoice.pk, amounts={first.line.pk: Decimal("1.83")}, reason="broken", at=APRIL, by=None
        )
        assert note.net.amount == Decimal("-1.83")
        assert [each.most for each in creditable_lines(invoice)] == amounts("0", "1.84", "30.00", "0")
        credit_amounts(
            invoice_id=invoice.pk, amounts={second.line.pk: Decimal("1.84")}, reason="broken", at=APRIL, by=None
        )
        # All of it was 33.67: what is left is the fee, in whichever lines it stands.
        assert preview_credit(invoice).net == Decimal("30.00")
        assert fee.most == Decimal("30.00")
        assert violations() == []

    def test_of_a_document_that_states_gross_is_cut_by_gross(self, site):
        site.customer.kind = "private"
        site.customer.save()
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="10")
        by_day(site, "10", day=10)
        (invoice,) = bill(site)

        assert [each.most for each in creditable_lines(invoice)] == amounts("0", "0")

    def test_above_a_maximum_gives_back_its_share_of_that(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, maximum="10.00")
        by_day(site, "20", day=10)  # 9.80
        by_day(site, "20", day=11)  # 9.80, 9.60 above the maximum
        (invoice,) = bill(site)

        assert [each.most for each in creditable_lines(invoice)] == amounts("5.00", "5.00", "0")


class TestAFeeInAdvance:
    def test_that_was_credited_is_neither_taken_back_nor_asked_for_again(self, site):
        row = give_plan(
            contract=site.contract, first_day=date(2026, 4, 1), name="Plus", base_fee="30.00", in_advance=True
        )
        (invoice,) = bill(site)
        fee = invoice.lines.get()
        credit_amounts(invoice_id=invoice.pk, amounts={fee.pk: Decimal("12.00")}, reason="gift", at=APRIL, by=None)
        row.end_day = date(2026, 4, 2)
        row.save()
        by_day(site, "200", month=4)

        # 98.00; 18.00 are left to take back of 30.00; the 1st of April alone is 30.00 × 1 ÷ 30.
        (after,) = bill(site, until_date=APRIL_30, at=MAY)
        assert nets([after]) == [amounts("98.00", "-18.00", "1.00")]
        assert [line.text for line in after.lines.all()][1:] == [
            "Correction of what was billed: 1 × −18, 4/1/26 – 4/30/26",
            "Plus, 4/1/26 – 4/1/26",
        ]
        assert bill(site, until_date=APRIL_30, at=MAY) == []
        assert violations() == []

    def test_that_was_credited_in_full_leaves_nothing_to_take_back(self, site):
        row = give_plan(contract=site.contract, first_day=date(2026, 4, 1), base_fee="30.00", in_advance=True)
        (invoice,) = bill(site)
        credit_invoice(invoice_id=invoice.pk, reason="a gift", at=APRIL, by=None)
        by_day(site, "10", month=4)

        assert nets(bill(site, until_date=date(2026, 4, 10), at=APRIL + timedelta(days=10))) == []
        row.end_day = date(2026, 4, 2)
        row.save()
        assert nets(bill(site, until_date=APRIL_30, at=MAY)) == [amounts("4.90", "1.00")]

    def test_of_a_month_in_which_the_plan_is_gone_is_taken_back(self, site):
        row = give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", in_advance=True)
        bill(site)  # March and, in advance, April
        row.end_day = date(2026, 4, 1)
        row.save()
        by_day(site, "100", month=4)

        assert nets(bill(site, until_date=APRIL_30, at=MAY)) == [amounts("49.00", "-30.00")]
        assert bill(site, until_date=APRIL_30, at=MAY) == []


class TestAnInvoiceThatWasCreditedInFull:
    def test_gives_its_sessions_their_included_energy_again_when_they_are_revised(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", included_kwh="10")
        cdr = by_day(site, "10")
        by_day(site, "4", day=11)
        (invoice,) = bill(site)
        credit_invoice(invoice_id=invoice.pk, reason="wrong", at=APRIL, by=None)
        revise(cdr, kwh="8")

        # 8 kWh of 10 that are included; the other session is credited and draws none.
        assert nets(bill(site, at=APRIL + timedelta(hours=1))) == [amounts("3.92", "-3.92")]
        assert violations() == []

    def test_is_not_billed_again_by_another_cycle(self, site):
        row = give_plan(contract=site.contract, first_day=MARCH_1, name="Monthly", base_fee="30.00")
        (invoice,) = bill(site)
        credit_invoice(invoice_id=invoice.pk, reason="wrong plan", at=APRIL, by=None)
        bill_again(invoice_id=invoice.pk, reason="The plan was wrong", at=APRIL, by=make_user())

        row.plan = make_plan(seller=site.owner, name="By quarter", cycle="quarter", base_fee="90.00")
        page = reverse("admin:contracts_contract_change", args=[site.contract.pk])
        browser = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        posted = {**filled_in(browser, page), "plans-0-plan": row.plan.pk}
        answer = browser.post(page, posted).content.decode()

        assert why_not_given(site.contract, [row]) == (
            "Plan: By quarter bills by quarter, but the days from 2026-03-01 to 2026-03-31 were billed as a period of "
            "their own. Choose a plan with their billing period, or let this one begin after 2026-03-31."
        )
        assert "were billed as a period of their own" in answer
        assert ContractPlan.objects.get().plan.name == "Monthly"
        (again,) = bill(site, at=APRIL + timedelta(hours=1))
        assert nets([again]) == [amounts("30.00")]

    def test_is_billed_again_with_another_plan_by_somebodys_word(self, site):
        row = give_plan(contract=site.contract, first_day=MARCH_1, name="Wrong", base_fee="300.00")
        by_day(site, "10")
        (invoice,) = bill(site)
        word = {"reason": "The plan was wrong", "at": APRIL, "by": make_user()}
        with pytest.raises(NotBilledAgain, match="Credit all of it first"):
            bill_again(invoice_id=invoice.pk, **word)
        with refused_by("an invoice is billed again after all of it is credited", BilledAgain):
            BilledAgain.objects.create(invoice=invoice, **word)
        note = credit_invoice(invoice_id=invoice.pk, reason="wrong plan", at=APRIL, by=None)
        row.plan = make_plan(seller=site.owner, name="Right", base_fee="30.00")
        assert "is billed up to 2026-03-31" in why_not_given(site.contract, [row])

        for _ in range(2):
            bill_again(invoice_id=invoice.pk, **word)

        assert why_not_given(site.contract, [row]) == ""
        row.save()
        (again,) = bill(site, at=APRIL + timedelta(hours=1))
        assert nets([note, again]) == [amounts("-4.90", "-300.00"), amounts("4.90", "30.00")]
        assert bill(site, at=APRIL + timedelta(hours=2)) == []
        assert BilledPeriod.objects.get().is_closed
        assert violations() == []
        with pytest.raises(NotBilledAgain, match="is no invoice on a contract"):
            bill_again(invoice_id=note.pk, **word)


class TestThePages:
    def test_say_what_a_session_cost_credit_an_amount_and_bill_again(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="5", base_fee="30.00")
        by_day(site, "10")  # 4.90, of which 2.45 are included
        (invoice,) = bill(site)
        clerk = signed_in(make_member(organisation=site.owner, role=Role.FINANCE, user=make_user(is_staff=True)).user)
        page = reverse("console:refund", args=[invoice.uid])
        asked = {"how_much": "amount", "amount": "16.23", "reason": "Broken", "seen_left": "32.45"}

        shown = clerk.get(page).content.decode()
        before = clerk.post(page, asked).content.decode()
        clerk.post(page, {**asked, "confirmed": "1"})

        assert "The line says €4.90; the plan took off the rest of it." in shown
        assert "A credit note over net €16.23 + VAT €3.08 = €19.31 is issued." in before
        # 16.23 of 2.45 and 30.00: 1.2254… and 15.0046…
        assert nets(list(Invoice.objects.filter(credits=invoice))) == [amounts("-1.23", "-15.00")]
        again = reverse("admin:invoices_invoice_again", args=[invoice.pk])
        change = reverse("admin:invoices_invoice_change", args=[invoice.pk])
        assert again not in clerk.get(change).content.decode()
        assert "Credit all of it first" in clerk.post(again, {"reason": "Wrong"}, follow=True).content.decode()
        credit_invoice(invoice_id=invoice.pk, reason="wrong", at=APRIL, by=None)
        assert again in clerk.get(change).content.decode()
        assert "CN-" in clerk.get(again).content.decode()
        assert "bills it again" in clerk.post(again, {"reason": "Wrong"}, follow=True).content.decode()
        assert BilledAgain.objects.get().invoice == invoice


class TestAllIncluded:
    def test_comes_to_nothing_to_the_cent(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="1000")
        for day in range(1, 13):
            by_day(site, "1.001", day=day)  # 0.49049 → 0.49
            by_day(site, "1.019", day=day, month=4)  # 0.49931 → 0.50

        (march,) = bill(site)
        (april,) = bill(site, until_date=APRIL_30, at=MAY)

        # 12.012 × 0.49 = 5.88588 → 5.89 of 12 × 0.49 = 5.88; 12.228 × 0.49 = 5.99172 → 5.99 of 12 × 0.50 = 6.00
        assert nets([march, april]) == [
            [*amounts("0.49") * 12, *amounts("-5.89", "0.01")],
            [*amounts("0.50") * 12, *amounts("-5.99", "-0.01")],
        ]
        assert [invoice.net.amount for invoice in (march, april)] == amounts("0", "0")
        assert march.lines.latest("position").text == "Rounding of included energy, 3/1/26 – 3/31/26"
        assert list(BilledPeriod.objects.values_list("is_closed", flat=True)) == [True, True]
        assert violations() == []


class TestAChargerInAnotherZone:
    def test_counts_on_the_sellers_day(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, minimum="50.00")
        # 22:30 to 23:30 on 31 March in Lisbon is 23:30 to 00:30 on 1 April in Berlin. By night: 200 × 0.29 = 58.00.
        make_cdr(
            site=site,
            kwh="200",
            hours=1,
            started_at=datetime(2026, 3, 31, 21, 30, tzinfo=UTC),
            time_zone="Europe/Lisbon",
        )

        assert nets(bill(site)) == [amounts("50.00")]
        assert nets(bill(site, until_date=APRIL_30, at=MAY)) == [amounts("58.00")]


class TestASessionOverMidnight:
    def test_draws_on_each_plan_what_flowed_on_its_days(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, end_day=date(2026, 3, 16), name="A", included_kwh="31")
        give_plan(contract=site.contract, first_day=date(2026, 3, 16), name="B", included_kwh="10")
        # 23:00 to 01:00 in Berlin, winter and summer time: 20 kWh on each side of midnight, all by night.
        make_cdr(site=site, kwh="40", started_at=datetime(2026, 3, 15, 22, 0, tzinfo=UTC))
        make_cdr(site=site, kwh="40", started_at=datetime(2026, 3, 31, 21, 0, tzinfo=UTC))

        (march,) = bill(site)
        (april,) = bill(site, until_date=APRIL_30, at=MAY)

        # 31 × 15 ÷ 31 = 15 kWh and 10 × 16 ÷ 31 = 5.161 kWh; 15 × 0.29 = 4.35, 5.161 × 0.29 = 1.49669.
        # In April 10 kWh of its 20 are included; March has used all of its own before.
        assert nets([march, april]) == [amounts("11.60", "-4.35", "-1.50"), amounts("11.60", "-2.90")]
        assert violations() == []


class TestALine:
    def test_says_the_days_that_it_is_for(self, site):
        give_plan(
            contract=site.contract, first_day=date(2026, 3, 10), end_day=date(2026, 3, 15), name="A", base_fee="31.00"
        )
        give_plan(contract=site.contract, first_day=date(2026, 3, 15), name="B", base_fee="31.00", included_kwh="31")
        cdr = by_day(site, "10", day=20)

        (invoice,) = bill(site)

        assert [(line.text, line.net.amount) for line in invoice.lines.filter(cdr=None)] == [
            ("A, 3/10/26 – 3/14/26", Decimal("5.00")),
            ("B, 3/15/26 – 3/31/26", Decimal("17.00")),
            ("Included energy: −10 kWh × 0.49, 3/15/26 – 3/31/26", Decimal("-4.90")),
        ]
        assert invoice.period_from == date(2026, 3, 10)
        # What takes it back says the same days.
        repeat_cdr(cdr_id=cdr.pk, reason="same", at=APRIL)
        revise(cdr, kwh="5")
        *_, after = bill(site, at=APRIL + timedelta(hours=1))
        assert after.lines.get(net="4.90").text.endswith("3/15/26 – 3/31/26")
