"""No page of the console, the portal or a driver asks the database more than thirty times, whatever it shows.

Found by walking through the addresses and the admin's registry, so that a new page is in it by being there.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import UUIDField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, UUIDConverter

from apps.payments.models import PaymentAttempt
from apps.stations.models import PayCode
from tests.integration.tenants import Tenant, make_tenant, row_of, signed_in

MOST_QUERIES = 30
FACES = ("console", "portal", "adhoc")
OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
# Said once a browser, not shown: pages that end a sign-in would end the walk.
LEFT_OUT = {"portal:logout"}


def named_patterns() -> Iterator[tuple[str, URLPattern]]:
    for found in get_resolver().url_patterns:
        if isinstance(found, URLResolver) and found.namespace in FACES:
            for pattern in found.url_patterns:
                if f"{found.namespace}:{pattern.name}" not in LEFT_OUT:
                    yield found.namespace, pattern


def values_for(name: str, converter: Any, tenant: Tenant) -> list[Any]:
    """Return what a tenant has to put in an argument's place: rows of the model that it is named after, or codes."""
    if isinstance(converter, UUIDConverter):
        named = [model for model in OURS if isinstance(model._meta._forward_fields_map.get("uid"), UUIDField)]
        rows = [row_of(model, tenant.owner) for model in named]
        return [tenant.in_review.uid, *(row.uid for row in rows if row is not None)]
    if isinstance(converter, IntConverter):
        noun = name.removesuffix("_id")
        models = [model for model in OURS if model._meta.model_name.endswith(noun)]
        rows = [row_of(model, tenant.owner) for model in models]
        return [row.pk for row in rows if row is not None] or [1]
    codes = PayCode.objects.filter(connector__evse__station=tenant.site.station).values_list("code", flat=True)
    return [*codes, *PaymentAttempt.objects.values_list("token", flat=True)[:1]]


def addresses(tenant: Tenant) -> Iterator[tuple[str, list[str]]]:
    """Yield the face and the addresses that one page may have; the first that opens is looked at."""
    for face, pattern in named_patterns():
        names = pattern.pattern.converters
        choices = [values_for(name, converter, tenant) for name, converter in names.items()]
        keys = [dict(zip(names, values, strict=True)) for values in product(*choices)]
        yield face, [reverse(f"{face}:{pattern.name}", kwargs=each) for each in keys]
    yield "console", [reverse("admin:index")]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield "console", [reverse(f"{name}_changelist")]
        yield "console", [reverse(f"{name}_add")]
        if (row := row_of(model, tenant.owner)) is not None:
            yield "console", [reverse(f"{name}_change", args=[row.pk])]


@pytest.mark.django_db
def test_no_page_asks_the_database_more_than_thirty_times():
    tenant = make_tenant("OURS")
    browsers = {"console": signed_in(tenant.operator.user), "portal": signed_in(tenant.fleet.user), "adhoc": Client()}
    opened, offenders = 0, []

    for face, choices in addresses(tenant):
        for address in choices:
            with CaptureQueriesContext(connection) as queries:
                status = browsers[face].get(address).status_code
            if status == 200:
                opened += 1
                if len(queries) > MOST_QUERIES:
                    offenders.append((len(queries), address))
                break

    # Two lists of each model, and half of the other pages: what only a POST or another day opens is not walked.
    assert opened > len(admin.site._registry) * 2
    assert sorted(offenders, reverse=True) == []
