"""Every page of the house opens for whom it is made."""

from tests.integration.addresses import addresses
from tests.integration.tenants import ours, signed_in

__all__ = ["ours"]


class TestEveryPage:
    def test_opens_for_whom_it_is_made(self, ours, client):
        readers = {
            "console": signed_in(ours.operator.user),
            "portal": signed_in(ours.fleet.user),
            "driver": client,
            "machine": signed_in(ours.operator.user),
        }

        broken = []
        for address in addresses(ours):
            response = readers[address.face].get(address.path)
            if response.status_code not in (200, 302, 403, 405):
                broken.append((address.name, response.status_code))

        print(broken)
        assert dict(broken) == {}
