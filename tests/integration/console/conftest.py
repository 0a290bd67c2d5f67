"""Our owner, and another one whose rows must never show."""

import pytest
from django.test import Client

from tests.factories import make_user
from tests.integration.tenants import CANARY, Tenant, make_tenant, signed_in


@pytest.fixture
def ours(db) -> Tenant:
    return make_tenant("OURS")


@pytest.fixture
def theirs(db) -> Tenant:
    return make_tenant(CANARY)


@pytest.fixture
def owner(ours) -> Client:
    """Our owner's browser."""
    return signed_in(ours.operator.user)


@pytest.fixture
def platform(db) -> Client:
    """The platform operator's browser."""
    return signed_in(make_user(is_staff=True, is_superuser=True))
