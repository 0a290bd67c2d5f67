"""Who works for a customer in the portal: invited, given another role, let go, by its administrators."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import invite, open_invitations
from apps.accounts.models import Membership
from apps.core import clock
from apps.documents.models import Mail
from tests.factories import make_member, make_neighbour, make_owner, make_site
from tests.integration.tenants import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


@pytest.fixture
def admin(site) -> Membership:
    return make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN)


class TestInviting:
    def test_mails_a_link_and_shows_who_is_waited_for_until_it_is_withdrawn(self, site, admin):
        browser = signed_in(admin.user)
        posted = {"email": "new@fleet.example", "role": "fleet_user"}

        page = browser.post(reverse("portal:person-invite"), posted, follow=True).content.decode()
        invitation = open_invitations(at=clock.now()).get()
        browser.post(reverse("portal:invitation-withdraw", args=[invitation.pk]))

        assert "new@fleet.example gets a mail with a link" in page
        assert (invitation.organisation, invitation.role) == (site.customer.organisation, "fleet_user")
        assert Mail.objects.get(kind="invitation").recipient == "new@fleet.example"
        assert not open_invitations(at=clock.now()).exists()

    def test_offers_no_role_of_the_console_and_nobody_twice(self, admin):
        browser, address = signed_in(admin.user), reverse("portal:person-invite")

        owner = browser.post(address, {"email": "x@fleet.example", "role": "owner"}).content.decode()
        twice = browser.post(address, {"email": admin.user.email, "role": "fleet_user"}).content.decode()

        assert "Select a valid choice" in owner
        assert "This person is a member already" in twice
        assert not open_invitations(at=clock.now()).exists()


class TestAPerson:
    def test_is_given_another_role_and_let_go(self, site, admin):
        browser = signed_in(admin.user)
        other = make_member(organisation=site.customer.organisation, role=Role.FLEET_USER)

        browser.post(reverse("portal:person-role", args=[other.pk]), {"role": "fleet_admin"})
        other.refresh_from_db()
        browser.post(reverse("portal:person-remove", args=[other.pk]))
        own = browser.post(reverse("portal:person-remove", args=[admin.pk]), follow=True).content.decode()

        assert other.role == "fleet_admin"
        assert "Nobody changes or ends their own membership" in own
        assert list(Membership.objects.filter(organisation=site.customer.organisation)) == [admin]

    def test_of_somebody_else_is_unknown(self, site, admin):
        browser, neighbour = signed_in(admin.user), make_neighbour(site).customer.organisation
        stranger = make_member(organisation=neighbour, role=Role.FLEET_ADMIN)
        waiting = invite(
            organisation=neighbour, email="n@n.example", role=Role.FLEET_USER, by=stranger.user, at=clock.now()
        )

        answers = [
            browser.post(reverse("portal:person-role", args=[stranger.pk]), {"role": "fleet_user"}),
            browser.post(reverse("portal:person-remove", args=[stranger.pk])),
            browser.post(reverse("portal:invitation-withdraw", args=[waiting.invitation.pk])),
        ]

        assert [answer.status_code for answer in answers] == [404] * 3
        assert "n@n.example" not in browser.get(reverse("portal:people")).content.decode()

    def test_who_sells_for_the_organisation_is_not_the_fleets_to_change(self):
        both = make_owner()
        seller, admin = (make_member(organisation=both, role=role) for role in (Role.OWNER, Role.FLEET_ADMIN))

        answer = signed_in(admin.user).post(reverse("portal:person-remove", args=[seller.pk]))

        assert answer.status_code == 404
        assert Membership.objects.filter(pk=seller.pk).exists()

    def test_who_looks_neither_sees_nor_changes_people(self, site):
        looker = make_member(organisation=site.customer.organisation, role=Role.FLEET_USER)

        answers = [
            signed_in(looker.user).get(reverse("portal:people")),
            signed_in(looker.user).post(
                reverse("portal:person-invite"), {"email": "x@x.example", "role": "fleet_user"}
            ),
        ]

        assert [answer.status_code for answer in answers] == [403, 403]
        assert not open_invitations(at=clock.now()).exists()
