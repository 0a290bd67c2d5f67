"""Signing in: tries are counted, staff have a second factor, sign-ins are listed and ended."""

import hmac
import re
import struct
from base64 import b32decode
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, SignIn
from apps.accounts.sign_in_limits import TRIES_A_NETWORK, TRIES_AN_ACCOUNT, WINDOW_S, count_try
from apps.core import clock
from apps.documents.models import Mail
from apps.documents.new_devices import tell_new_devices
from tests.factories import NOON, make_member, make_owner, make_user
from tests.integration.tenants import signed_in
from tests.own_keys import forget_own_keys

PASSWORD = "correct horse battery"
LAPTOP, PHONE = "Laptop/1.0", "Phone/2.0"


@pytest.fixture(autouse=True)
def no_tries():
    forget_own_keys()


@pytest.fixture
def owner(db) -> Membership:
    return make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(name="Olga", is_staff=True))


def sign_in(membership: Membership, *, password: str = PASSWORD, at: str = "/portal/login/", **browser) -> Client:
    client = Client(**browser)
    client.answer = client.post(at, {"username": membership.user.email, "password": password})
    return client


def code_of(secret: str, *, at) -> str:
    """Return the six digits of RFC 6238 (SHA-1, 30 seconds)."""
    digest = hmac.digest(b32decode(secret), struct.pack(">Q", int(at.timestamp()) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def set_up_app(client: Client, *, at) -> str:
    """Set up an authenticator app as a person does; return its secret."""
    page = reverse("mfa_activate_totp")
    client.post(client.get(page).url, {"password": PASSWORD})
    secret = re.search(r'value="([A-Z2-7]{32})"', client.get(page).content.decode())[1]
    client.post(page, {"code": code_of(secret, at=at)})
    return secret


class TestTries:
    def test_of_one_account_have_to_wait_while_others_and_other_networks_go_on(self):
        for _ in range(TRIES_AN_ACCOUNT):
            assert count_try(email="a@example.com", address="192.0.2.1", at=NOON) == 0

        assert count_try(email="A@example.com", address="192.0.2.1", at=NOON) == WINDOW_S
        assert count_try(email="b@example.com", address="192.0.2.1", at=NOON) == 0
        assert count_try(email="a@example.com", address="192.0.2.2", at=NOON) == 0
        assert count_try(email="a@example.com", address="192.0.2.1", at=NOON + timedelta(seconds=WINDOW_S)) == 0

    def test_of_one_network_have_to_wait_whatever_the_account(self):
        addresses = [f"2001:db8::{number:x}" for number in range(TRIES_A_NETWORK)]

        waits = {count_try(email=f"{a}@example.com", address=a, at=NOON) for a in addresses}

        assert waits == {0}
        assert count_try(email="new@example.com", address="2001:db8::ffff", at=NOON) > 0

    def test_too_many_refuse_the_right_password_too_and_say_for_how_long_alike_for_unknown(self, owner):
        for _ in range(TRIES_AN_ACCOUNT):
            sign_in(owner, password="wrong")
            Client().post("/portal/login/", {"username": "nobody@example.com", "password": "x"})

        right = sign_in(owner).answer
        unknown = Client().post("/portal/login/", {"username": "nobody@example.com", "password": "x"})
        elsewhere = sign_in(owner, REMOTE_ADDR="192.0.2.9").answer

        assert re.search(r"tried too often from here. Please wait \d+ minutes?,", right.content.decode())
        assert right.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()
        assert elsewhere.status_code == 302

    def test_begin_anew_once_the_password_was_right(self, owner):
        for _ in range(2):
            for _ in range(TRIES_AN_ACCOUNT - 1):
                sign_in(owner, password="wrong")
            assert sign_in(owner).answer.status_code == 302


class TestTheSecondFactor:
    def test_is_set_up_before_staff_see_anything_and_asked_for_from_then_on(self, owner, settings):
        settings.SECOND_FACTOR_REQUIRED = True
        at = clock.now()
        client = sign_in(owner, at="/admin/login/")

        led = [client.get(page).url for page in (reverse("admin:index"), "/api/v1/sessions/", reverse("portal:home"))]
        secret = set_up_app(client, at=at)
        inside = client.get(reverse("admin:index")).status_code
        again = sign_in(owner)
        refused = again.get(reverse("admin:index")).url
        wrong = again.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code
        # The code of the step after: one that was used is good for nothing any more.
        forget_own_keys()
        right = again.post(reverse("mfa_authenticate"), {"code": code_of(secret, at=at + timedelta(seconds=30))})

        assert led == [reverse("mfa_index")] * 3
        assert inside == 200
        assert refused.startswith("/admin/login/")
        assert wrong == 200
        assert right.status_code == 302
        assert again.get(reverse("admin:index")).status_code == 200
        assert secret not in str(list(owner.user.authenticator_set.values("data")))

    def test_gives_recovery_codes_that_work_once_each(self, owner, settings):
        settings.SECOND_FACTOR_REQUIRED = True
        set_up_app(sign_in(owner), at=clock.now())
        codes = owner.user.authenticator_set.get(type="recovery_codes").wrap().get_unused_codes()

        first, second = sign_in(owner), sign_in(owner)
        first.post(reverse("mfa_authenticate"), {"code": codes[0]})
        second.post(reverse("mfa_authenticate"), {"code": codes[0]})

        assert first.get(reverse("admin:index")).status_code == 200
        assert second.get(reverse("admin:index")).status_code == 302

    def test_is_a_customers_own_choice(self, owner, settings):
        settings.SECOND_FACTOR_REQUIRED = True
        fleet = make_member(organisation=owner.organisation, role=Role.FLEET_USER, user=make_user(is_staff=False))

        client = sign_in(fleet)

        assert client.get(reverse("portal:home")).status_code == 200
        assert client.get(reverse("mfa_index")).status_code == 200


class TestSignIns:
    def test_are_listed_and_ended_one_by_one(self, owner):
        here = sign_in(owner, HTTP_USER_AGENT=LAPTOP, REMOTE_ADDR="192.0.2.1")
        other = sign_in(owner, HTTP_USER_AGENT=PHONE)
        other.get(reverse("portal:sign-ins"))

        page = here.get(reverse("portal:sign-ins")).content.decode()
        here.post(reverse("portal:sign-in-end", args=[SignIn.objects.get(device=PHONE).pk]))

        assert all(word in page for word in (LAPTOP, PHONE, "192.0.2.1", "this one"))
        assert other.get(reverse("portal:sign-ins")).status_code == 302
        assert PHONE not in here.get(reverse("portal:sign-ins")).content.decode()

    def test_elsewhere_end_with_a_new_password_and_this_one_goes_on(self, owner):
        here, other = sign_in(owner), sign_in(owner)
        for client in (here, other):
            client.get(reverse("portal:sign-ins"))
        new = "several other green words"

        here.post(reverse("portal:password"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

        assert here.get(reverse("portal:sign-ins")).status_code == 200
        assert other.get(reverse("portal:sign-ins")).status_code == 302
        assert SignIn.objects.count() == 2

    def test_end_with_the_membership(self, owner):
        finance = make_member(organisation=owner.organisation, role=Role.FINANCE, user=make_user(is_staff=True))
        client = sign_in(finance)
        client.get(reverse("admin:index"))

        services.end_membership(membership_id=finance.pk, by=owner.user)

        assert client.get(reverse("portal:sign-ins")).status_code == 302

    def test_of_staff_are_the_owners_to_see_and_end_and_nobody_elses(self, owner):
        finance = make_member(organisation=owner.organisation, role=Role.FINANCE, user=make_user(is_staff=True))
        other = make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))
        client = sign_in(finance)
        client.get(reverse("admin:index"))
        found = SignIn.objects.get(user=finance.user)
        end = reverse("admin:accounts_signin_end", args=[found.pk])
        own = reverse("portal:sign-in-end", args=[found.pk])

        refused = [signed_in(finance.user).post(end).status_code, signed_in(other.user).post(end).status_code]
        refused.append(signed_in(owner.user).post(own).status_code)
        assert client.get(reverse("admin:index")).status_code == 200
        signed_in(owner.user).post(end)

        assert refused == [403, 404, 404]
        assert client.get(reverse("admin:index")).status_code == 302

    def test_by_a_new_device_are_told_by_mail_once(self, owner):
        for device in (LAPTOP, LAPTOP, PHONE):
            sign_in(owner, HTTP_USER_AGENT=device, HTTP_ACCEPT_LANGUAGE="nl").get(reverse("portal:sign-ins"))

        tell_new_devices(at=NOON)
        tell_new_devices(at=NOON)

        mail = Mail.objects.get(kind="new-device")
        assert (mail.recipient, mail.language, PHONE in mail.body) == (owner.user.email, "nl", True)
        assert mail.subject == "Een nieuw apparaat heeft zich aangemeld bij uw account"
