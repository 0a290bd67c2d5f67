"""What no address shows by itself: a charge from card to receipt, pages without rows, and pages that say no.

Each scene is a picture with a name of its own, made by the same requests as a person's.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.defaults import server_error
from time_machine import Traveller

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import invite
from apps.adhoc import services
from apps.analytics.services.figures import sum_up_days, sweep_figures
from apps.core import clock
from apps.invoices.models import Invoice
from apps.invoices.services.rendering import render_document
from apps.payments.models import PaymentAttempt
from apps.payments.sandbox import complete_checkout
from apps.sessions.services.rating import rate_settled
from tests.factories import (
    make_customer,
    make_evse,
    make_member,
    make_organisation,
    make_owner,
    make_token,
    make_user,
    make_vehicle,
)
from tests.integration.addresses import Address
from tests.integration.adhoc.conftest import GOOD, Driver, set_station
from tests.integration.adhoc.test_progress_page import KWH, Charge
from tests.integration.adhoc.test_starting import answer_command, plug_in
from tests.integration.faces.gallery import Picture
from tests.integration.tenants import Tenant, make_ended_session, signed_in

PASSWORD = "correct horse battery"
MINUTE = timedelta(minutes=1)


def scene(name: str, response: Any, *, status: int | None = None) -> Picture:
    """Return what was answered as a picture: a page, or a form with what is wrong in it, unless ``status`` is another.

    name  begins with its face's name space
    """
    assert response.status_code in ({status} if status else {200, 422}), f"{name}: {response.status_code}"
    return Picture.of(Address(name, "/"), response)


def fill_month(tenant: Tenant) -> None:
    """Let three vehicles have charged in this month and the last, and the figures know of it."""
    site = tenant.site
    evse = make_evse(station=site.station, number=2)
    for number, driver in enumerate(("Ada Berg", "Jan de Wit", "Léa Martin")):
        vehicle = make_vehicle(customer=site.customer, plate=f"B-WL {310 + number}")
        token = make_token(contract=site.contract, vehicle=vehicle, driver=driver)
        for days in range(number + 1, 40, 9 + number):
            begun_at = clock.now().replace(hour=6 + 3 * number, minute=10) - timedelta(days=days)
            session = make_ended_session(replace(site, evse=evse, vehicle=vehicle, token=token), started_at=begun_at)
            rate_settled(session_id=session.pk, at=session.settled_at)
    sweep_figures()
    sum_up_days()


def driver_scenes(driver: Driver, site: Any, traveller: Traveller) -> Iterator[Picture]:
    """Tell one charge at a connector, from the sticker to the receipt."""

    def price(name: str) -> Picture:
        return scene(f"adhoc:price-{name}", driver.client.get(driver.address))

    begun_at = clock.now()
    set_station(site, status="Faulted", seen_at=begun_at)
    yield price("out-of-order")
    set_station(site, seen_at=begun_at - timedelta(days=1))
    yield price("offline")
    set_station(site, seen_at=begun_at)
    yield price("ready")

    checkout = driver.press(driver.look())["Location"]
    attempt = PaymentAttempt.objects.latest("pk")
    charge = Charge(attempt, site)
    charge.begun_at = begun_at

    def page(name: str, path: str = "") -> Picture:
        return scene(f"adhoc:charge-{name}", driver.client.get(f"/s/{attempt.token}/{path}"))

    yield page("1-paying")
    driver.client.get(complete_checkout(checkout, GOOD).removeprefix("http://testserver"))
    attempt.refresh_from_db()
    yield page("2-starting")
    services.start_charging(attempt_id=attempt.pk, at=begun_at)
    answer_command(site, accepted=True, at=begun_at)
    yield page("3-plug-in")
    plug_in(site, at=begun_at)
    set_station(site, status="Charging", seen_at=begun_at)
    traveller.shift(18 * MINUTE)
    charge.deliver(6_400_000, at=begun_at + 18 * MINUTE)
    yield page("4-charging")
    traveller.shift(22 * MINUTE)
    charge.deliver(13 * KWH, at=begun_at + 40 * MINUTE).idle(at=begun_at + 40 * MINUTE)
    yield page("5-idle")
    set_station(site, status="Charging", seen_at=clock.now())
    yield scene("adhoc:price-taken", Client().get(driver.address))
    charge.end(13 * KWH, at=begun_at + 41 * MINUTE)
    yield page("6-ended")
    traveller.shift(5 * MINUTE)
    charge.price_at(clock.now())
    for invoice in Invoice.objects.filter(seller=site.owner):
        render_document(invoice_id=invoice.pk, at=clock.now())
    yield page("7-done")
    for path in ("receipt", "receipt/company", "receipt/wrong"):
        yield page(f"8-{path.replace('/', '-')}", f"{path}/")
    yield scene(
        "adhoc:company-refused",
        driver.client.post(f"/s/{attempt.token}/receipt/company/", {"vat_id": "DE1", "country": "DE"}),
    )


def driver_refusals() -> Iterator[Picture]:
    """What a driver is told who has the wrong address, or asks too often."""
    client = Client(REMOTE_ADDR="10.9.9.9")
    yield scene("adhoc:unknown-code", client.get("/c/nothing/"), status=404)
    yield scene("adhoc:unknown-charge", client.get("/s/nothing/"), status=404)
    refused = client.post(reverse("adhoc:find"), {"last_four": "42", "amount": "much"})
    yield scene("adhoc:find-refused", refused)
    for _ in range(200):
        response = client.get("/c/nothing/")
    yield scene("adhoc:too-often", response, status=429)
    cache.clear()


def portal_scenes(tenant: Tenant) -> Iterator[Picture]:
    """The portal of somebody who has nothing yet, what it refuses, and what everybody is told."""
    customer = make_customer(seller=tenant.owner, organisation=make_organisation(name="Bäckerei Sommer"))
    fresh = signed_in(make_member(organisation=customer.organisation, role=Role.FLEET_ADMIN).user)
    for name in ("home", "sessions", "invoices", "contracts", "cards", "vehicles", "cost-centres", "budgets", "people"):
        yield scene(f"portal:{name}-empty", fresh.get(reverse(f"portal:{name}")))
    for name in ("machines", "places", "disputes", "payment-method"):
        yield scene(f"portal:{name}-empty", fresh.get(reverse(f"portal:{name}")))
    reader = signed_in(tenant.fleet.user)
    yield scene("portal:sessions-none-found", reader.get(reverse("portal:sessions"), {"month": "2020-01"}))
    yield scene("portal:no-customer", signed_in(make_user(name="Nobody Yet")).get(reverse("portal:home")), status=403)
    yield scene(
        "portal:sign-in-refused", Client().post(reverse("portal:login"), {"username": "a@b.example", "password": "no"})
    )
    yield scene("portal:sign-in", Client().get(reverse("portal:login")))
    yield scene("portal:password-refused", reader.post(reverse("portal:password"), {"old_password": "x"}))
    add = {"customer_id": tenant.site.customer.pk}
    yield scene("portal:vehicle-refused", reader.post(reverse("portal:vehicle-add", kwargs=add), {}))
    yield scene("portal:people-refused", reader.post(reverse("portal:person-invite"), {"email": "no address"}))
    yield scene("portal:not-found", reader.get("/portal/nothing/"), status=404)
    colleague = signed_in(make_member(organisation=tenant.fleet.organisation, role=Role.FLEET_USER).user)
    yield scene("portal:not-allowed", colleague.get(reverse("portal:people")), status=403)
    invited = invite(
        organisation=tenant.fleet.organisation, email="eva@example.com", role=Role.FLEET_USER, by=tenant.fleet.user,
        at=clock.now(),
    )  # fmt: skip
    let_in = Client().get(reverse("portal:invitation", kwargs={"token": invited.token}))
    yield scene("portal:invitation-accept", let_in)
    strict = Client(enforce_csrf_checks=True)
    yield scene("portal:form-too-old", strict.post(reverse("portal:login"), {}), status=403)
    yield scene("portal:broken", server_error(RequestFactory().get("/")), status=500)


def second_factor_scenes() -> Iterator[Picture]:
    """Set up an app, see the recovery codes, sign in with a code, as allauth's pages in our words."""
    person = make_user(email="mia@example.com", name="Mia Sommer")
    organisation = make_customer(organisation=make_organisation(name="Sommer AG")).organisation
    make_member(organisation=organisation, role=Role.FLEET_ADMIN, user=person)
    browser = Client()
    browser.post(reverse("portal:login"), {"username": person.email, "password": PASSWORD})
    confirm = browser.get(reverse("mfa_activate_totp")).url
    yield scene("portal:confirm-password", browser.get(confirm))
    browser.post(confirm, {"password": PASSWORD})
    yield scene("portal:second-factor", browser.get(reverse("mfa_index")))
    yield scene("portal:second-factor-app", browser.get(reverse("mfa_activate_totp")))
    yield scene("portal:second-factor-refused", browser.post(reverse("mfa_activate_totp"), {"code": "12"}))
    yield scene("portal:second-factor-passkey", browser.get(reverse("mfa_add_webauthn")))
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(person)
    yield scene("portal:second-factor-on", browser.get(reverse("mfa_index")))
    yield scene("portal:second-factor-codes", browser.get(reverse("mfa_view_recovery_codes")))
    yield scene("portal:second-factor-new-codes", browser.get(reverse("mfa_generate_recovery_codes")))
    yield scene("portal:second-factor-app-off", browser.get(reverse("mfa_deactivate_totp")))
    other = Client()
    other.post(reverse("portal:login"), {"username": person.email, "password": PASSWORD})
    yield scene("portal:sign-in-code", other.get(reverse("mfa_authenticate")))
    yield scene("portal:sign-in-code-refused", other.post(reverse("mfa_authenticate"), {"code": "123456"}))
    yield scene("portal:confirm-code", signed_in(person).get(reverse("mfa_view_recovery_codes"), follow=True))


def console_scenes() -> Iterator[Picture]:
    """The console of an owner who begins today, and a form that is refused."""
    owner = make_owner(name="Stadtwerke Anfang")
    fresh = signed_in(make_member(organisation=owner, role=Role.OWNER, user=make_user(is_staff=True)).user)
    yield scene("admin:index-empty", fresh.get(reverse("admin:index")))
    for name in ("live", "onboarding", "reviews", "books"):
        yield scene(f"console:{name}-empty", fresh.get(reverse(f"console:{name}")))
    for name in ("contracts_contract", "invoices_invoice", "charging_sessions_chargingsession"):
        yield scene(f"admin:{name}_changelist-empty", fresh.get(reverse(f"admin:{name}_changelist")))
    for name in ("contracts_contract", "stations_location", "tariffs_tariff"):
        yield scene(f"admin:{name}_add-refused", fresh.post(reverse(f"admin:{name}_add"), {}))
    yield scene("console:find-charge-refused", fresh.get(reverse("console:find-charge"), {"last_four": "x"}))
