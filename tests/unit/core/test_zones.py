"""Which names are time zones: the same on every machine."""

import pytest

from apps.core.domain.zones import is_zone, zone


class TestZones:
    @pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Ushuaia", "UTC", "EST5EDT"])
    def test_are_known_by_their_iana_names(self, name):
        assert is_zone(name)
        assert zone(name).key == name

    @pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules"])
    def test_are_not_what_a_machine_is_set_to(self, name):
        assert not is_zone(name)
        with pytest.raises(ValueError, match="is no IANA time zone"):
            zone(name)

    @pytest.mark.parametrize("name", ["", "Europe", "europe/berlin", "../etc/passwd", "Europe/Berlin\x00"])
    def test_are_no_other_names(self, name):
        assert not is_zone(name)
