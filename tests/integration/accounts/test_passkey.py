"""A passkey is set up in a real browser, under the strict policy, and asked for at the next sign-in."""

import pytest
from allauth.mfa.models import Authenticator

from apps.accounts.domain.roles import Role
from tests.factories import make_member, make_owner, make_user
from tests.journeys.browser import CHROMIUM, Browser

SCREEN = {"width": 390, "height": 844}
PASSWORD = "correct horse battery"


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no chromium")
@pytest.mark.django_db(transaction=True)
class TestAPasskey:
    def test_is_set_up_and_signs_in(self, live_server, settings):
        settings.SECOND_FACTOR_REQUIRED = True
        owner = make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(name="Olga", is_staff=True)).user
        blocked: list[str] = []

        def sign_in(page) -> None:
            page.goto(f"{live_server.url}/portal/login/")
            page.fill("[name=username]", owner.email)
            page.fill("[name=password]", PASSWORD)
            page.click("main button[type=submit]")

        def story() -> str:
            context = browser.context(viewport=SCREEN, locale="en-GB")
            page = context.new_page()
            page.on("console", lambda told: blocked.append(told.text) if "Content Security" in told.text else None)
            key = context.new_cdp_session(page)
            key.send("WebAuthn.enable")
            options = {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
            key.send("WebAuthn.addVirtualAuthenticator", {"options": options})
            sign_in(page)
            page.wait_for_url("**/second-factor/")
            page.click("a[href$='/webauthn/add/']")
            page.fill("[name=password]", PASSWORD)
            page.click("main button[type=submit]")
            page.wait_for_url("**/webauthn/add/")
            page.fill("[name=name]", "My laptop")
            page.click("#mfa_webauthn_add")
            page.wait_for_url("**/recovery-codes/")
            page.goto(f"{live_server.url}/portal/second-factor/webauthn/")
            page.goto(f"{live_server.url}/portal/second-factor/totp/activate/")
            page.goto(f"{live_server.url}/portal/sign-ins/")
            page.click("header form.wl-inline button")
            sign_in(page)
            page.wait_for_url("**/authenticate/")
            page.click("#mfa_webauthn_authenticate")
            page.wait_for_url("**/admin/")
            return page.url

        with Browser() as browser:
            url = browser.do(story)

        assert url == f"{live_server.url}/admin/"
        assert blocked == []
        assert Authenticator.objects.filter(user=owner, type="webauthn").count() == 1
