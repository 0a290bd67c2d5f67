"""Networks: what one subscriber has is one network, however many addresses that are."""

import pytest

from apps.core.domain.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_network_is_what_one_subscriber_has(address, network):
    assert network_of(address) == network
