"""What the console shows of money that does not go back by itself, and of a list too long to be counted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest import mock

from django.contrib import admin
from django.urls import reverse

from apps.accounts import tenant_admin
from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.payments.models import Payment, PaymentAttempt, SavedMethod
from apps.payments.sandbox import Sandbox, complete_checkout
from apps.payments.services import methods, setups
from apps.payments.services.refunds import refund_credited
from apps.payments.services.syncing import sync_payment
from apps.sessions.models import ChargingSession
from tests.factories import Site, make_member, make_owner, make_site, make_user
from tests.integration.faces.gallery import Picture
from tests.integration.faces.scenes import scene
from tests.integration.invoices.world import bill, make_cdr
from tests.integration.payments import drivers
from tests.integration.payments.conftest import BACK, CANCEL, GOOD, collect
from tests.integration.payments.disputing import open_dispute
from tests.integration.tenants import Tenant, signed_in

WHY = "Meter was read again"


def giving_back_scenes(sandbox: Sandbox) -> Iterator[Picture]:
    """Show a refund that came back, a payment that its bank disputes, and a receipt that was only credited."""
    site = make_site(owner=make_owner(name="Stadtwerke Rückgabe"), tax_included=True)
    site.customer.name = "Elbkurier GmbH"
    site.customer.save()
    invoice = _came_back(site, sandbox)
    open_dispute(sandbox, _credited(site), at=clock.now())
    _credited(site)

    clerk = signed_in(make_member(organisation=site.owner, role=Role.FINANCE, user=make_user(is_staff=True)).user)
    yield scene("console:to-give-back-three", clerk.get(reverse("console:to-give-back")))
    yield scene("console:refund-again", clerk.get(reverse("console:refund-again", args=[invoice.uid])))


def long_list_scene(tenant: Tenant) -> Picture:
    """Show a list that stops counting, as one of more than ten thousand rows does."""
    model_admin = admin.site.get_model_admin(ChargingSession)
    few = {"list_per_page": 5, "list_max_show_all": 5}
    with mock.patch.object(tenant_admin, "MOST_COUNTED", 10), mock.patch.multiple(model_admin, **few):
        found = signed_in(tenant.operator.user).get(reverse("admin:charging_sessions_chargingsession_changelist"))
    return scene("admin:charging_sessions_chargingsession_changelist-more", found)


def _came_back(site: Site, sandbox: Sandbox) -> Invoice:
    now = clock.now()
    page = methods.start_method_setup(customer_id=site.customer.pk, success_url=BACK, cancel_url=CANCEL, at=now)
    complete_checkout(page, GOOD)
    setups.sync_method(method_id=SavedMethod.objects.get(customer=site.customer).pk, at=now)
    make_cdr(site=site, kwh="100", started_at=datetime(2026, 3, 10, 11, tzinfo=UTC))
    (invoice,) = bill(site)
    collect(invoice, at=now)
    credit_invoice(invoice_id=invoice.pk, reason=WHY, at=now, by=None)
    (refund,) = refund_credited(invoice_id=invoice.pk, at=now)
    sandbox.control.fail_refund(refund.stripe_id)
    sync_payment(payment_id=refund.payment_id, at=now)
    return invoice


def _charged(site: Site) -> PaymentAttempt:
    """Let a driver type a card into the page."""
    attempt = drivers.make_attempt(site, at=clock.now())
    complete_checkout(drivers.open_page(attempt, at=clock.now()), GOOD)
    return drivers.sync(attempt, at=clock.now())


def _receipt_of(attempt: PaymentAttempt, site: Site) -> Invoice:
    # The double of payments lives in the machine's time, these pictures in a summer's.
    with mock.patch.object(drivers, "NOON", clock.now()):
        return drivers.receipt_of(attempt, site)


def _credited(site: Site) -> Payment:
    receipt = _receipt_of(_charged(site), site)
    drivers.capture(receipt, at=clock.now())
    credit_invoice(invoice_id=receipt.pk, reason=WHY, at=clock.now(), by=None)
    return Payment.objects.get(attempt__receipt=receipt)
