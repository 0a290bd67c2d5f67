"""Every address of the site, found in the URL resolver, with the rows of a tenant in its place holders.

An address that names a row in a new way needs a line in ``_ROWS``; until then whoever asks for all addresses fails and
says which. So pictures, accessibility and counted queries never miss a page.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.auth.tokens import default_token_generator
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from apps.accounts.domain.roles import Role
from apps.accounts.invitations import NewInvitation, invite
from apps.contracts.models import ContractVersion
from apps.contracts.offers import offer_token
from apps.core import clock
from apps.payments.models import PaymentAttempt, Wallet, WalletMovement
from apps.payments.pay_tokens import pay_token
from apps.stations.models import PayCode
from tests.integration.tenants import Tenant, dispute_of, row_of

Rows = dict[str, object]


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One address: ``name`` as it is reversed (``portal:invoice``) and the path that names a tenant's row."""

    name: str
    path: str

    @property
    def face(self) -> str:
        """Whose page it is: ``console``, ``portal``, ``driver`` or ``machine``."""
        space = self.name.split(":")[0]
        return "portal" if space.startswith(("mfa_", "account_")) else _FACES.get(space, "machine")


_FACES = {"admin": "console", "console": "console", "portal": "portal", "adhoc": "driver"}


def addresses(tenant: Tenant) -> list[Address]:
    """Return every address, with the tenant's rows.

    :raises LookupError: an address names a row that nobody here knows how to find
    """
    found, unknown = [], []
    for name, parameters in sorted(_patterns()):
        try:
            rows = _rows(name, parameters, tenant)
        except KeyError:
            unknown.append(f"{name} {sorted(parameters)}")
        else:
            found.append(Address(name, reverse(name, kwargs=rows)))
    if unknown:
        raise LookupError(f"say in tests/integration/addresses.py which rows these name: {unknown}")
    return found


def names() -> set[str]:
    """Return the name of every address, as it is reversed."""
    return {name for name, _ in _patterns()}


def _patterns(
    resolver: URLResolver | None = None, spaces: tuple[str, ...] = (), held: frozenset[str] = frozenset()
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each address's name and its place holders, those of the patterns around it too."""
    for pattern in (resolver or get_resolver()).url_patterns:
        parameters = held | pattern.pattern.regex.groupindex.keys()
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, (*spaces, pattern.namespace) if pattern.namespace else spaces, parameters)
        elif isinstance(pattern, URLPattern) and pattern.name and pattern.name not in _NO_PAGES:
            yield ":".join((*spaces, pattern.name)), parameters


# The list of the API, the admin's own redirects, and the lists of one app, to which the sidebar does not lead.
_NO_PAGES = {"api-root", "view_on_site", "app_list"}


def _rows(name: str, parameters: frozenset[str], tenant: Tenant) -> Rows:
    if "format" in parameters:
        return {**_rows(name, parameters - {"format"}, tenant), "format": "json"}
    if not parameters:
        return {}
    if (model := _models().get(name)) is not None:
        row = row_of(model, tenant.owner)
        assert row is not None, f"the tenant has no {model.__name__}"
        return dict.fromkeys(parameters, row.pk)
    return _ROWS[name](tenant)


@cache
def _models() -> dict[str, Any]:
    """Return the model of each address that the console makes for a model's rows."""
    named = {}
    for model, model_admin in admin.site._registry.items():
        for pattern in model_admin.urls:
            if pattern.name:
                named[f"admin:{pattern.name}"] = model
    return named


def _session(tenant: Tenant) -> Rows:
    return {"uid": tenant.session.uid}


def _invoice(tenant: Tenant) -> Rows:
    return {"uid": tenant.invoice.uid}


def _line(tenant: Tenant) -> Rows:
    return {"uid": tenant.invoice.uid, "position": tenant.invoice.lines.get().position}


def _station(tenant: Tenant) -> Rows:
    return {"station_id": tenant.site.station.pk}


def _invitation(tenant: Tenant) -> NewInvitation:
    return invite(
        organisation=tenant.fleet.organisation,
        email="new@example.com",
        role=Role.FLEET_USER,
        by=tenant.fleet.user,
        at=clock.now(),
    )


def _vehicle(tenant: Tenant) -> Rows:
    return {"vehicle_id": _first("vehicle", tenant).pk}


def _cost_centre(tenant: Tenant) -> Rows:
    return {"centre_id": _first("costcentre", tenant).pk}


def _budget(tenant: Tenant) -> Rows:
    return {"budget_id": _first("budget", tenant).pk}


def _version(tenant: Tenant) -> ContractVersion:
    found: ContractVersion = ContractVersion.objects.get(contract=tenant.site.contract)
    return found


def _wallet(tenant: Tenant) -> Rows:
    return {"uid": Wallet.objects.get(contract__customer__seller=tenant.owner).uid}


def _attempt(tenant: Tenant) -> Rows:
    return {"token": PaymentAttempt.objects.filter(seller=tenant.owner).latest("pk").token}


def _first(model: str, tenant: Tenant) -> Any:
    """Return the tenant's row of a model that is in the console, by its name there."""
    return row_of(next(known for known in admin.site._registry if known._meta.model_name == model), tenant.owner)


_JUNE = {"year": 2026, "month": 6}

_ROWS: dict[str, Callable[[Tenant], Rows]] = {
    "api:bank-receipt-detail": lambda tenant: {"pk": _first("bankreceipt", tenant).pk},
    "api:charge-record-detail": lambda tenant: {"id": f"{tenant.session.uid}.{tenant.cdr.revision}"},
    "api:contract-detail": lambda tenant: {"uid": tenant.site.contract.uid},
    "api:customer-detail": lambda tenant: {"uid": tenant.site.customer.uid},
    "api:invoice-detail": _invoice,
    "api:invoice-pdf": _invoice,
    "api:invoice-xml": _invoice,
    "api:line-dispute-detail": lambda tenant: {"uid": dispute_of(tenant).uid},
    "api:payment-detail": lambda tenant: {"uid": tenant.payment.uid},
    "api:session-detail": _session,
    "api:station-detail": lambda tenant: {"identity": tenant.site.station.identity},
    "api:tariff-detail": lambda tenant: {"pk": tenant.site.version.pk},
    "api:token-detail": lambda tenant: {"uid": tenant.site.token.public_uid},
    "console:session": _session,
    "console:signed-values": _session,
    "console:payer": _session,
    "console:signed-record": lambda tenant: {"record_id": tenant.session.signed_records.latest("pk").pk},
    "console:invoice": _invoice,
    "console:refund-again": _invoice,
    "console:refund": _invoice,
    "console:preview": lambda tenant: {"contract_id": tenant.site.contract.pk},
    "console:customer": lambda tenant: {"customer_id": tenant.site.customer.pk},
    "console:factor-off": lambda tenant: {"membership_id": tenant.operator.pk},
    "console:customer-invite": lambda tenant: {"customer_id": tenant.site.customer.pk},
    "console:community": lambda tenant: {"customer_id": _first("unit", tenant).customer_id},
    "console:station": _station,
    "console:station-reported": _station,
    "console:station-live": _station,
    "console:station-frames": _station,
    "console:station-commands": _station,
    "console:station-configuration": _station,
    "console:station-act": lambda tenant: {**_station(tenant), "slug": "reset"},
    "console:station-actions": _station,
    "console:station-action": lambda tenant: {**_station(tenant), "name": "ClearCache"},
    "console:review": lambda tenant: {"uid": tenant.in_review.uid},
    "console:disputed-line": lambda tenant: {"uid": dispute_of(tenant).uid},
    "console:card": lambda tenant: {"token_id": tenant.site.token.pk},
    "console:stickers": lambda tenant: {"location_id": tenant.site.location.pk},
    "console:billing-run": lambda tenant: {"run_id": _first("billingrun", tenant).pk},
    "console:billing-decide": lambda tenant: {"run_id": _first("billingrun", tenant).pk},
    "console:hold-session": _session,
    "console:hold-draft": _invoice,
    "console:release-hold": lambda tenant: {"hold_id": _first("billinghold", tenant).pk},
    "console:account-sheet": lambda tenant: {"account_id": _first("account", tenant).pk},
    "console:figures": lambda tenant: {"what": "day"},
    "console:report": lambda tenant: {"name": "trial-balance"},
    "portal:session": _session,
    "portal:session-row": _session,
    "portal:signed-values": _session,
    "portal:payer-mark": _session,
    "portal:invoice": _invoice,
    "portal:invoice-pay": _invoice,
    "portal:document": _invoice,
    "portal:data": _invoice,
    "portal:reminder": lambda tenant: {**_invoice(tenant), "level": 1},
    "portal:line": _line,
    "portal:line-withdraw": _line,
    "portal:contract": lambda tenant: {"contract_id": tenant.site.contract.pk},
    "portal:invoice-lines": _invoice,
    "mfa_edit_webauthn": lambda tenant: {"pk": 0},
    "mfa_remove_webauthn": lambda tenant: {"pk": 0},
    "portal:invitation": lambda tenant: {"token": _invitation(tenant).token},
    "portal:password-new": lambda tenant: {
        "uidb64": urlsafe_base64_encode(force_bytes(tenant.fleet.user_id)),
        "token": default_token_generator.make_token(tenant.fleet.user),
    },
    "portal:sign-in-end": lambda tenant: {"sign_in_id": _first("signin", tenant).pk},
    "portal:card": lambda tenant: {"uid": tenant.site.token.public_uid},
    "portal:card-replace": lambda tenant: {"uid": tenant.site.token.public_uid},
    "portal:card-act": lambda tenant: {"uid": tenant.site.token.public_uid, "act": "block"},
    "portal:card-add": lambda tenant: {"contract_id": tenant.site.contract.pk},
    "portal:card-import": lambda tenant: {"contract_id": tenant.site.contract.pk},
    "portal:vehicle": _vehicle,
    "portal:vehicle-remove": _vehicle,
    "portal:vehicle-add": lambda tenant: {"customer_id": tenant.site.customer.pk},
    "portal:cost-centre": _cost_centre,
    "portal:cost-centre-remove": _cost_centre,
    "portal:cost-centre-add": lambda tenant: {"customer_id": tenant.site.customer.pk},
    "portal:budget": _budget,
    "portal:budget-remove": _budget,
    "portal:person-role": lambda tenant: {"member_id": tenant.fleet.pk},
    "portal:person-remove": lambda tenant: {"member_id": tenant.fleet.pk},
    "portal:invitation-withdraw": lambda tenant: {"invitation_id": _first("invitation", tenant).pk},
    "portal:budget-add": lambda tenant: {"contract_id": tenant.site.contract.pk},
    "portal:contract-document": lambda tenant: {"version_id": _version(tenant).pk},
    "portal:contract-accept": lambda tenant: {"version_id": _version(tenant).pk},
    "portal:community": lambda tenant: {"customer_id": _first("unit", tenant).customer_id},
    "portal:community-statement": lambda tenant: {
        "customer_id": _first("unit", tenant).customer_id,
        "kind": "csv",
        **_JUNE,
    },
    "portal:home-statement": lambda tenant: {
        "agreement_id": _first("homeagreement", tenant).pk,
        "kind": "csv",
        **_JUNE,
    },
    "portal:offer": lambda tenant: {"token": offer_token(_version(tenant))},
    "portal:offer-document": lambda tenant: {"token": offer_token(_version(tenant))},
    "portal:key-revoke": lambda tenant: {"key_id": _first("apikey", tenant).pk},
    "portal:endpoint-act": lambda tenant: {"endpoint_id": _first("webhookendpoint", tenant).pk, "act": "ping"},
    "portal:endpoint-secret": lambda tenant: {"endpoint_id": _first("webhookendpoint", tenant).pk},
    "portal:pay": lambda tenant: {"token": pay_token(tenant.invoice)},
    "portal:wallet": _wallet,
    "portal:wallet-top-up": _wallet,
    "portal:wallet-statement": lambda tenant: {**_wallet(tenant), **_JUNE},
    "portal:wallet-receipt": lambda tenant: {
        **_wallet(tenant),
        "movement_id": WalletMovement.objects.filter(wallet__contract__customer__seller=tenant.owner).earliest("pk").pk,
    },
    "adhoc:price": lambda tenant: {"code": PayCode.objects.get(connector__evse=tenant.site.evse).code},
    "adhoc:progress": _attempt,
    "adhoc:live": _attempt,
    "adhoc:return": _attempt,
    "adhoc:stop": _attempt,
    "adhoc:pay": _attempt,
    "adhoc:receipt": _attempt,
    "adhoc:signed-values": _attempt,
    "adhoc:document": _attempt,
    "adhoc:mail": _attempt,
    "adhoc:unlock": _attempt,
    "adhoc:wrong": _attempt,
    "adhoc:withdraw": _attempt,
    "adhoc:company": _attempt,
    "adhoc:invoice": _attempt,
}
