"""How people come, change their role and go: links used once, refusals, somebody in charge who stays."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.domain.roles import Role
from apps.accounts.invitations import (
    LIVES,
    InvitationRefused,
    accept_as,
    accept_as_new,
    find_invitation,
    invite,
    withdraw_invitation,
)
from apps.accounts.models import Invitation, Membership, User
from apps.core import clock
from apps.documents.inviting import invite_by_mail
from apps.documents.models import Mail
from tests.factories import NOON, make_member, make_organisation, make_owner, make_user
from tests.integration.tenants import signed_in

PASSWORD = "four quiet green words"


@pytest.fixture
def owner(db) -> Membership:
    return make_member(
        organisation=make_owner(name="Stadtwerke"), role=Role.OWNER, user=make_user(name="Olga", is_staff=True)
    )


def invited(owner: Membership, *, email: str = "new@example.com", role: Role = Role.FINANCE, at=NOON):
    return invite(organisation=owner.organisation, email=email, role=role, by=owner.user, at=at)


class TestAnInvitation:
    def test_makes_an_account_that_works_for_the_inviters_organisation_alone(self, owner):
        token = invited(owner).token

        membership = accept_as_new(token=token, name="Nele", password=PASSWORD, at=NOON)

        assert (membership.organisation, membership.role) == (owner.organisation, "finance")
        assert (membership.user.email, membership.user.memberships.count()) == ("new@example.com", 1)
        assert User.objects.get(pk=membership.user_id).is_staff
        assert token not in str(Invitation.objects.values())

    def test_is_taken_once(self, owner):
        token = invited(owner).token
        accept_as_new(token=token, name="Nele", password=PASSWORD, at=NOON)

        with pytest.raises(InvitationRefused, match="over"):
            accept_as_new(token=token, name="Second", password=PASSWORD, at=NOON)

        assert User.objects.filter(name="Second").count() == 0
        with pytest.raises(IntegrityError, match="used once"), transaction.atomic():
            Invitation.objects.update(accepted_at=None, accepted_by=None)

    def test_is_over_after_a_week_when_withdrawn_when_renewed_and_when_its_inviter_may_invite_no_more(self, owner):
        make_member(organisation=owner.organisation, role=Role.OWNER)
        late, taken_back, renewed = (invited(owner, email=f"{name}@example.com") for name in "abc")
        withdraw_invitation(invitation_id=taken_back.invitation.pk, at=NOON)
        again = invited(owner, email="C@example.com")

        assert find_invitation(late.token, at=NOON + LIVES - timedelta(seconds=1))
        assert find_invitation(late.token, at=NOON + LIVES) is None
        assert [find_invitation(new.token, at=NOON) for new in (taken_back, renewed)] == [None, None]
        assert find_invitation(again.token, at=NOON)
        Membership.objects.filter(pk=owner.pk).update(role=Role.SUPPORT)
        assert find_invitation(again.token, at=NOON) is None

    def test_never_touches_the_password_of_an_account_that_exists(self, owner):
        person = make_user(email="known@example.com")
        new = invited(owner, email="Known@Example.com")

        with pytest.raises(InvitationRefused, match="Sign in"):
            accept_as_new(token=new.token, name="Thief", password=PASSWORD, at=NOON)
        with pytest.raises(InvitationRefused, match="another address"):
            accept_as(token=new.token, user=make_user(), at=NOON)
        membership = accept_as(token=new.token, user=person, at=NOON)

        assert membership.user == person
        assert not User.objects.get(pk=person.pk).check_password(PASSWORD)

    def test_is_for_those_whom_the_inviter_may_manage(self, owner):
        fleet = make_organisation()
        admin, user = (make_member(organisation=fleet, role=role) for role in (Role.FLEET_ADMIN, Role.FLEET_USER))
        finance = make_member(organisation=owner.organisation, role=Role.FINANCE)
        tried = [
            (owner, fleet, Role.FLEET_USER),
            (finance, owner.organisation, Role.READ_ONLY),
            (admin, fleet, Role.OWNER),
            (user, fleet, Role.FLEET_USER),
        ]

        for by, organisation, role in tried:
            with pytest.raises(InvitationRefused, match="role"):
                invite(organisation=organisation, email="x@example.com", role=role, by=by.user, at=NOON)
        with pytest.raises(InvitationRefused, match="member already"):
            invited(owner, email=finance.user.email.upper())

        assert not Invitation.objects.exists()
        assert invite(organisation=fleet, email="x@example.com", role=Role.FLEET_USER, by=admin.user, at=NOON)

    @pytest.mark.django_db(transaction=True)
    def test_taken_twice_at_once_lets_one_in(self, owner, at_once):
        token = invited(owner).token

        def take():
            try:
                return accept_as_new(token=token, name="Nele", password=PASSWORD, at=NOON)
            except InvitationRefused as refusal:
                return str(refusal)

        outcomes = at_once(take, take)

        assert sorted(isinstance(outcome, str) for outcome in outcomes) == [False, True]
        assert Membership.objects.exclude(pk=owner.pk).count() == 1


class TestThePages:
    def test_lead_from_the_owners_form_over_the_mail_to_the_console(self, owner, settings):
        settings.SENDS_MAILS = True
        asked = {"email": "new@example.com", "role": "technician"}

        said = signed_in(owner.user).post(reverse("console:invite"), asked, follow=True).content.decode()
        mail = Mail.objects.get()
        link = next(word for word in mail.body.split() if "/portal/invitations/" in word)
        page = link.removeprefix(settings.PUBLIC_URL)
        stranger = Client()
        shown = stranger.get(page).content.decode()
        weak = stranger.post(page, {"name": "Nele", "password": "password12"}).content.decode()
        stranger.post(page, {"name": "Nele", "password": PASSWORD})
        kept = signed_in(owner.user).get(reverse("admin:documents_mail_change", args=[mail.pk])).content.decode()

        assert "on its way to new@example.com" in said
        assert (mail.recipient, "Olga invites" in mail.body) == ("new@example.com", True)
        assert "Stadtwerke" in shown
        assert "too common" in weak
        assert stranger.get(reverse("admin:index")).status_code == 200
        assert stranger.get(page).status_code == 404
        assert page.split("/")[-2] not in kept

    def test_ask_whoever_has_an_account_to_sign_in_first(self, owner):
        person = make_user(email="known@example.com")
        token = invited(owner, email=person.email, at=clock.now()).token
        page = reverse("portal:invitation", args=[token])

        signed_out = Client().get(page, headers={"accept-language": "de"}).content.decode()
        anothers = signed_in(owner.user).post(page).content.decode()
        taken = signed_in(person).post(page, follow=True).content.decode()

        assert f"{reverse('portal:login')}?next={page}" in signed_out
        assert "Diese Adresse hat hier ein Konto" in signed_out
        assert "You are signed in as Olga" in anothers
        assert "You act for Stadtwerke now" in taken

    def test_let_only_owners_invite_and_withdraw_theirs(self, owner):
        finance = make_member(organisation=owner.organisation, role=Role.FINANCE, user=make_user(is_staff=True))
        other = make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))
        new = invited(owner, at=clock.now())
        withdraw = reverse("admin:accounts_invitation_withdraw", args=[new.invitation.pk])
        asked = {"email": "x@example.com", "role": "owner"}

        refused = [
            signed_in(finance.user).post(reverse("console:invite"), asked).status_code,
            signed_in(finance.user).post(withdraw).status_code,
            signed_in(other.user).post(withdraw).status_code,
        ]

        assert refused == [403, 403, 404]
        assert Invitation.objects.get().withdrawn_at is None
        signed_in(owner.user).post(withdraw)
        assert Invitation.objects.get().withdrawn_at

    def test_let_the_platforms_operator_invite_an_organisations_first_owner(self, db, settings):
        settings.SENDS_MAILS = False
        first = make_owner(name="New Owner GmbH")
        platform = signed_in(make_user(is_staff=True, is_superuser=True))
        asked = {"organisation": first.pk, "email": "first@example.com", "role": "owner"}

        said = platform.post(reverse("console:invite"), asked, follow=True).content.decode()

        assert "/portal/invitations/" in said
        assert Invitation.objects.get().organisation == first


class TestSomebodyInCharge:
    def test_stays_whoever_writes(self, owner):
        def at_commit(change):
            with transaction.atomic():
                change()
                connection.check_constraints()

        own = Membership.objects.filter(pk=owner.pk)
        for change in (lambda: own.update(role=Role.FINANCE), own.delete, owner.user.delete):
            with pytest.raises(IntegrityError, match="in charge"):
                at_commit(change)

    def test_is_not_needed_where_the_organisation_goes(self, owner):
        owner.organisation.tax_registrations.all().delete()
        owner.organisation.delete()

        connection.check_constraints()
        assert not Membership.objects.exists()

    def test_stays_when_the_platforms_operator_lets_the_last_one_go(self, owner):
        platform = make_user(is_staff=True, is_superuser=True)

        page = reverse("admin:accounts_membership_delete", args=[owner.pk])
        said = signed_in(platform).post(page, {"post": "yes"}, follow=True).content.decode()
        with pytest.raises(services.MemberRefused, match="in charge"):
            services.change_role(membership_id=owner.pk, role=Role.SUPPORT, by=platform)

        assert "Nobody in charge would stay" in said
        assert Membership.objects.get(pk=owner.pk).role == "owner"

    def test_is_nobodys_own_to_give_up_and_no_strangers_to_take(self, owner):
        second = make_member(organisation=owner.organisation, role=Role.OWNER)
        support = make_member(organisation=owner.organisation, role=Role.SUPPORT)
        other = make_member(organisation=make_owner(), role=Role.OWNER)

        for by in (second, support, other):
            with pytest.raises(services.MemberRefused):
                services.end_membership(membership_id=second.pk, by=by.user)
        services.end_membership(membership_id=second.pk, by=owner.user)

        assert not Membership.objects.filter(pk=second.pk).exists()

    @pytest.mark.django_db(transaction=True)
    def test_stays_when_two_owners_let_each_other_go_at_once(self, owner, at_once):
        second = make_member(organisation=owner.organisation, role=Role.OWNER)

        def by_the_page(by: Membership, gone: Membership):
            try:
                services.end_membership(membership_id=gone.pk, by=by.user)
            except services.MemberRefused:
                return False
            return True

        outcomes = at_once(lambda: by_the_page(owner, second), lambda: by_the_page(second, owner))

        assert sorted(outcomes) == [False, True]
        assert Membership.objects.filter(role=Role.OWNER).count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_stays_when_two_are_deleted_at_once_beside_the_service(self, owner, at_once):
        second = make_member(organisation=owner.organisation, role=Role.OWNER)

        def gone(membership: Membership):
            try:
                with transaction.atomic():
                    Membership.objects.filter(pk=membership.pk).delete()
            except IntegrityError:
                return False
            return True

        assert sorted(at_once(lambda: gone(owner), lambda: gone(second))) == [False, True]


class TestTheMail:
    def test_speaks_the_inviters_language(self, owner):
        invite_by_mail(
            organisation=owner.organisation,
            email="neu@example.com",
            role=Role.FLEET_ADMIN,
            by=owner.user,
            language="de",
            at=NOON,
        )

        mail = Mail.objects.get()
        assert mail.subject == "Stadtwerke lädt Sie zu Wattledger ein"
        assert "Er gilt einmal, bis" in mail.body
