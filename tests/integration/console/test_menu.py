"""The menu offers each role what it works with; what it may look at otherwise stays where it is."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from tests.factories import make_member, make_owner, make_user
from tests.integration.tenants import signed_in

EVERYWHERE = ["Operations", "Prices"]
CUSTOMERS = ["Customers", "Communities", "Documents", "Money"]
BOOKS = ["Charging at home", "Books", "Owners"]


@pytest.mark.parametrize(
    ("role", "groups", "sees_keys"),
    [
        (Role.OWNER, [*EVERYWHERE, *CUSTOMERS, *BOOKS], True),
        (Role.FINANCE, [*EVERYWHERE, *CUSTOMERS, *BOOKS], False),
        (Role.SUPPORT, [*EVERYWHERE, *CUSTOMERS], False),
        (Role.TECHNICIAN, EVERYWHERE, False),
        (Role.READ_ONLY, [*EVERYWHERE, *CUSTOMERS, *BOOKS], False),
    ],
)
def test_each_role_is_offered_what_it_works_with(db, role, groups, sees_keys):
    member = make_member(organisation=make_owner(), role=role, user=make_user(is_staff=True))

    menu = signed_in(member.user).get(reverse("console:live")).context["sidebar_navigation"]
    titles = [item["title"] for group in menu for item in group["items"]]

    assert [group.get("title") for group in menu[1:]] == [*groups, "Settings"]
    assert ("API keys" in titles) == ("Invitations" in titles) == sees_keys
    assert ("First steps" in titles) == (role not in (Role.SUPPORT, Role.READ_ONLY))
