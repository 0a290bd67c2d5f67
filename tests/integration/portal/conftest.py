"""Our owner, and another one whose rows must never show."""

import pytest
from django.test import Client

from tests.integration.tenants import ours, owner, platform, signed_in, theirs

__all__ = ["ours", "owner", "platform", "theirs"]


@pytest.fixture
def fleet(ours) -> Client:
    """The browser of our owner's fleet customer."""
    return signed_in(ours.fleet.user)
