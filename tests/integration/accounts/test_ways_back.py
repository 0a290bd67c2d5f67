"""Ways back in: a forgotten password by a mailed link, a lost second factor by somebody in charge."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, User
from apps.accounts.services import MemberRefused, take_factor_off
from apps.accounts.sign_in_limits import TRIES_AN_ACCOUNT
from apps.core import clock
from apps.documents.models import Mail
from apps.documents.personal_mails import ONE_LINK_EVERY, send_password_link
from tests.factories import NOON, make_member, make_organisation, make_owner, make_user
from tests.integration.accounts.test_signing_in import set_up_app, sign_in
from tests.integration.tenants import signed_in
from tests.own_keys import forget_own_keys

NEW = "several other green words"
FORGOTTEN = "/portal/password/forgotten/"


@pytest.fixture(autouse=True)
def mails(settings):
    settings.SENDS_MAILS = True
    forget_own_keys()


@pytest.fixture
def owner(db) -> Membership:
    return make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(name="Olga", is_staff=True))


def colleague(owner: Membership, *, role: Role = Role.FINANCE) -> Membership:
    return make_member(organisation=owner.organisation, role=role, user=make_user(name="Fritz", is_staff=True))


def give_factor(user: User) -> None:
    for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
        Authenticator.objects.create(user=user, type=kind, data={})


def link_of(mail: Mail) -> str:
    return re.search(r"https?://[^/\s]+(/portal/password/new/\S+)", mail.body)[1]


def words(response) -> str:
    return response.content.decode()


def choose(client: Client, link: str, password: str = NEW):
    """Open a mailed link and send the form that stands behind it."""
    page = client.get(link, follow=True)
    return client.post(page.request["PATH_INFO"], {"new_password1": password, "new_password2": password}, follow=True)


class TestAForgottenPassword:
    def test_is_replaced_by_the_mailed_link_once_and_everything_else_is_signed_out(self, owner, settings):
        elsewhere = sign_in(owner)
        elsewhere.get(reverse("portal:sign-ins"))
        person = Client(HTTP_ACCEPT_LANGUAGE="de")
        pages = [words(person.get(page)) for page in ("/portal/login/", "/admin/login/")]

        said = words(person.post(FORGOTTEN, {"email": owner.user.email.upper()}, follow=True))
        mail = Mail.objects.get(kind="password-link")
        kept = words(signed_in(colleague(owner).user).get(reverse("admin:documents_mail_change", args=[mail.pk])))
        weak = words(choose(person, link_of(mail), "password12"))
        changed = words(choose(person, link_of(mail)))
        again = words(person.get(link_of(mail), follow=True))

        assert all(f'href="{FORGOTTEN}"' in page for page in pages)
        assert "Passwort vergessen?" in pages[0]
        assert "ist eine E-Mail unterwegs" in said
        assert (mail.recipient, mail.language) == (owner.user.email, "de")
        assert "/portal/password/new/" in kept
        assert link_of(mail).split("/")[-2] not in kept
        assert "Dieses Passwort ist zu" in weak
        assert "Melden Sie sich mit dem neuen an" in changed
        assert "Dieser Link gilt nicht mehr" in again
        assert elsewhere.get(reverse("portal:sign-ins")).status_code == 302
        assert "Überall sonst sind Sie abgemeldet" in Mail.objects.get(kind="password-changed").body
        assert sign_in(owner).answer.status_code == 200
        assert sign_in(owner, password=NEW).answer.status_code == 302

    def test_gets_the_same_answer_where_there_is_no_account_or_a_closed_one(self, owner):
        closed = make_member(organisation=owner.organisation, role=Role.SUPPORT, user=make_user(is_active=False))
        asked = [owner.user.email, closed.user.email, "nobody@example.com"]

        said = {words(Client().post(FORGOTTEN, {"email": one}, follow=True)).replace(one, "…") for one in asked}
        said = {re.sub(r'csrfmiddlewaretoken" value="\w+"', "", one) for one in said}

        assert len(said) == 1
        assert [mail.recipient for mail in Mail.objects.all()] == [owner.user.email]

    def test_is_asked_for_as_often_as_a_password_is_tried_and_not_on_its_account(self, owner):
        for _ in range(TRIES_AN_ACCOUNT):
            sign_in(owner, password="wrong")
        first = Client().post(FORGOTTEN, {"email": owner.user.email})
        for _ in range(TRIES_AN_ACCOUNT):
            late = Client().post(FORGOTTEN, {"email": owner.user.email})

        assert first.status_code == 302
        assert "tried too often from here" in words(late)
        choose(Client(), link_of(Mail.objects.get()))
        assert sign_in(owner, password=NEW).answer.status_code == 302

    def test_is_mailed_about_once_in_five_minutes_from_however_many_networks(self, owner):
        for minutes in (0, 1, 4):
            send_password_link(email=owner.user.email, language="en", at=NOON + timedelta(minutes=minutes))
        assert Mail.objects.count() == 1

        send_password_link(email=owner.user.email, language="en", at=NOON + ONE_LINK_EVERY)

        assert Mail.objects.count() == 2

    def test_has_a_link_that_ends_with_a_sign_in_and_after_an_hour(self, owner, settings):
        send_password_link(email=owner.user.email, language="en", at=clock.now())
        used, other = link_of(Mail.objects.get()), colleague(owner)
        sign_in(owner)
        send_password_link(email=other.user.email, language="en", at=clock.now())
        late = link_of(Mail.objects.get(recipient=other.user.email))

        assert "Choose a new password" in words(Client().get(late, follow=True))
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert "This link is over" in words(Client().get(late, follow=True))
        settings.PASSWORD_RESET_TIMEOUT = 3600
        assert "This link is over" in words(Client().get(used, follow=True))

    def test_does_not_take_the_second_factor_along(self, owner):
        set_up_app(sign_in(owner), at=clock.now())
        send_password_link(email=owner.user.email, language="en", at=clock.now())

        choose(Client(), link_of(Mail.objects.get(kind="password-link")))
        client = sign_in(owner, password=NEW)

        assert client.answer.url.startswith(reverse("mfa_authenticate"))
        assert client.get(reverse("admin:index")).status_code == 302

    def test_is_the_installations_to_set_where_no_mails_are_sent(self, db, settings):
        settings.SENDS_MAILS = False

        assert "Ask whoever runs this installation" in words(Client().get(FORGOTTEN))


class TestALostSecondFactor:
    def test_is_taken_off_by_the_owner_and_the_person_is_told_and_signed_out(self, owner):
        lost = colleague(owner)
        left = sign_in(lost, HTTP_ACCEPT_LANGUAGE="nl")
        left.get(reverse("portal:sign-ins"))
        give_factor(lost.user)
        browser = signed_in(owner.user)
        page = reverse("admin:accounts_membership_change", args=[lost.pk])

        offered = words(browser.get(page))
        asks = browser.get(reverse("admin:accounts_membership_take_factor_off", args=[lost.pk])).url
        assert "lost phone and recovery codes" in words(browser.get(asks))
        assert Authenticator.objects.filter(user=lost.user).count() == 2
        done = words(browser.post(asks, follow=True))

        assert "Take second factor off" in offered
        assert "The password alone signs Fritz in now" in done
        assert not Authenticator.objects.filter(user=lost.user).exists()
        assert left.get(reverse("portal:sign-ins")).status_code == 302
        mail = Mail.objects.get(kind="factor-taken-off")
        assert (mail.recipient, mail.language, "Olga" in mail.body) == (lost.user.email, "nl", True)
        assert LogEntry.objects.get(object_id=str(lost.pk), user=owner.user).change_message.startswith("Took the")
        assert "has no second factor" in words(browser.post(asks))

    def test_is_not_ones_own_another_tenants_or_somebodys_who_works_elsewhere_too(self, owner):
        finance, other = colleague(owner), make_member(organisation=make_owner(), role=Role.OWNER)
        platform = make_member(organisation=owner.organisation, role=Role.SUPPORT, user=make_user(is_superuser=True))
        shared = colleague(owner)
        make_member(organisation=make_organisation(), role=Role.FLEET_USER, user=shared.user)
        for one in (owner, finance, other, platform, shared):
            give_factor(one.user)

        def ask(by: Membership, whose: Membership):
            return signed_in(by.user).post(reverse("console:factor-off", args=[whose.pk]))

        refused = [ask(finance, shared).status_code, ask(owner, other).status_code]
        act = reverse("admin:accounts_membership_take_factor_off", args=[other.pk])
        refused.append(signed_in(owner.user).get(act).status_code)
        told = [words(ask(owner, whose)) for whose in (owner, platform, shared)]

        assert refused == [403, 404, 404]
        assert "Nobody changes or ends their own membership" in told[0]
        assert all("opens more than your organisation" in page for page in told[1:])
        assert Authenticator.objects.count() == 10
        assert not Mail.objects.exists()
        with pytest.raises(MemberRefused, match="does not decide"):
            take_factor_off(membership_id=finance.pk, by=other.user)
        take_factor_off(membership_id=shared.pk, by=make_user(is_superuser=True))
        assert Authenticator.objects.filter(user=shared.user).count() == 0
