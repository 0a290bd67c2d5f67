"""A customer's first administrator in the portal: invited by the seller, once, into nobody else's business."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import InvitationRefused, accept_as_new
from apps.accounts.models import Invitation, Membership, Organisation
from apps.contracts.first_administrators import invite_first_administrator
from apps.core import clock
from apps.documents.models import Mail
from tests.factories import NOON, make_customer, make_member, make_organisation, make_owner, make_user
from tests.integration.tenants import signed_in
from tests.refusals import refused_by

PASSWORD = "four quiet green words"


@pytest.fixture
def finance(db) -> Membership:
    return make_member(organisation=make_owner(), role=Role.FINANCE, user=make_user(name="Fritz", is_staff=True))


def invite(customer, by: Membership, *, email: str = "anna@fleet.example", at=NOON):
    return invite_first_administrator(customer_id=customer.pk, email=email, by=by.user, at=at)


def take(new, name: str = "Anna") -> Membership:
    return accept_as_new(token=new.token, name=name, password=PASSWORD, at=NOON)


class TestTheFirstAdministrator:
    def test_comes_from_the_customers_page_by_a_mail_in_their_language_into_their_portal(self, finance, settings):
        settings.SENDS_MAILS = True
        customer = make_customer(seller=finance.organisation, language="de", country="AT")
        desk, page = signed_in(finance.user), reverse("console:customer", args=[customer.pk])
        form = reverse("console:customer-invite", args=[customer.pk])

        offered = desk.get(page).content.decode()
        asked = desk.get(form).content.decode()
        said = desk.post(form, {"email": "anna@fleet.example"}, follow=True).content.decode()
        mail = Mail.objects.get()
        link = next(word for word in mail.body.split() if "/portal/invitations/" in word)
        anna = Client()
        anna.post(link.removeprefix(settings.PUBLIC_URL), {"name": "Anna", "password": PASSWORD})
        after = desk.get(page).content.decode()
        history = desk.get(reverse("admin:contracts_customer_history", args=[customer.pk])).content.decode()

        customer.refresh_from_db()
        tenant = customer.organisation
        member = Membership.objects.get(organisation=tenant)
        assert form in offered
        assert customer.email in asked
        assert "on its way to anna@fleet.example" in said
        assert (mail.recipient, mail.language) == ("anna@fleet.example", "de")
        assert (tenant.name, tenant.country, tenant.time_zone) == (customer.name, "AT", "Europe/Berlin")
        assert (member.role, member.user.is_staff) == ("fleet_admin", False)
        assert anna.get(reverse("portal:people")).status_code == 200
        assert form not in after
        assert "Invited anna@fleet.example into the portal" in history

    def test_is_one_the_next_is_invited_by_them(self, finance):
        customer = make_customer(seller=finance.organisation)
        first, second = invite(customer, finance), invite(customer, finance, email="bert@fleet.example")

        anna = take(first)
        with pytest.raises(InvitationRefused, match="over"):
            take(second, "Bert")
        with pytest.raises(InvitationRefused, match="role"):
            invite(customer, finance, email="carl@fleet.example")

        assert Membership.objects.filter(organisation=anna.organisation).count() == 1
        assert Organisation.objects.filter(name=customer.name).count() == 1

    def test_is_invited_as_long_as_the_inviter_works_there_in_that_role(self, finance):
        new = invite(make_customer(seller=finance.organisation), finance)
        Membership.objects.filter(pk=finance.pk).update(role="support")

        with pytest.raises(InvitationRefused, match="over"):
            take(new)

        assert not Membership.objects.exclude(pk=finance.pk).exists()

    def test_is_not_invited_to_who_buys_from_others_too_or_sells_or_by_others(self, finance):
        shared, seller = make_organisation(), make_owner()
        both = make_customer(seller=finance.organisation, organisation=shared)
        make_customer(organisation=shared)
        sells = make_customer(seller=finance.organisation, organisation=seller)
        theirs = make_customer()
        support = make_member(organisation=finance.organisation, role=Role.SUPPORT, user=make_user(is_staff=True))

        for customer in (both, sells):
            with pytest.raises(InvitationRefused, match="elsewhere"):
                invite(customer, finance)
        with pytest.raises(InvitationRefused, match="role"):
            invite(theirs, finance)

        asked = {"email": "x@example.com"}
        page = reverse("console:customer-invite", args=[theirs.pk])
        assert signed_in(finance.user).post(page, asked).status_code == 404
        assert signed_in(support.user).post(page, asked).status_code == 403
        theirs.refresh_from_db()
        assert theirs.organisation is None
        assert not Invitation.objects.exists()

    def test_is_the_only_role_that_a_seller_vouches_for(self, finance):
        new = invite(make_customer(seller=finance.organisation), finance).invitation

        with refused_by("invitation_vouched_for_is_an_administrators", Invitation):
            Invitation.objects.filter(pk=new.pk).update(role="fleet_user")

    @pytest.mark.django_db(transaction=True)
    def test_is_one_when_two_links_are_taken_at_once(self, finance, at_once):
        customer = make_customer(seller=finance.organisation)
        links = [invite(customer, finance, email=f"{name}@fleet.example", at=clock.now()) for name in ("anna", "bert")]

        def taking(new):
            def run():
                try:
                    return accept_as_new(token=new.token, name="A", password=PASSWORD, at=clock.now())
                except InvitationRefused as refusal:
                    return str(refusal)

            return run

        outcomes = at_once(*map(taking, links))

        assert sorted(isinstance(outcome, str) for outcome in outcomes) == [False, True]
        assert Membership.objects.exclude(pk=finance.pk).count() == 1
