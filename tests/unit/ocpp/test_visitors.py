"""Reading a handshake: subjects of certificates, and which address stands at the end of a chain of proxies."""

import pytest

from apps.ocpp.visitors import read_subject, visitor_of
from apps.stations.domain.door import Certificate


def scope(*, peer: str | None, headers: tuple[tuple[bytes, bytes], ...] = (), scheme: str = "ws") -> dict:
    extensions = {} if peer is None else {"peer": {"address": peer, "is_encrypted": scheme == "wss"}}
    return {
        "ocpp_identity": "BOX",
        "client": ("192.0.2.1", 9),
        "scheme": scheme,
        "headers": headers,
        "extensions": extensions,
        "subprotocols": ["ocpp1.6"],
    }


class TestReadSubject:
    @pytest.mark.parametrize(
        ("text", "names", "organisations"),
        [
            ("CN=SN-1,O=Nordstrom GmbH,C=DE", ("SN-1",), ("Nordstrom GmbH",)),
            ("C=DE,O=Nordstrom GmbH,CN=SN-1", ("SN-1",), ("Nordstrom GmbH",)),
            ("CN=SN-1,O=Nord\\, Strom \\+ Co", ("SN-1",), ("Nord, Strom + Co",)),
            ("CN=SN-1,O=S\\C3\\BCdstrom", ("SN-1",), ("Südstrom",)),
            ("CN=SN-1,O=Südstrom", ("SN-1",), ("Südstrom",)),
            ("emailAddress=a@b,CN=SN-1,serialNumber=7,O=X", ("SN-1",), ("X",)),
            ("CN=A,CN=B,O=X", ("B", "A"), ("X",)),
            ("O=X", (), ("X",)),
        ],
    )
    def test_finds_names_and_organisations(self, text, names, organisations):
        assert read_subject(text) == Certificate(common_names=names, organisations=organisations)

    @pytest.mark.parametrize("text", ["/C=DE/O=X/CN=SN-1", "SN-1", "CN", "CN=a,,O=b", ",", "\0"])
    def test_reads_nothing_else(self, text):
        assert read_subject(text) is None


class TestVisitorOf:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "address"),
        [
            ("10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", [b"203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", [b"198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", [b"203.0.113.9", b"198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", [b"198.51.100.7, rubbish"], "10.0.0.1"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("192.0.2.1", [b"198.51.100.7"], "192.0.2.1"),
            (None, [b"198.51.100.7"], "192.0.2.1"),
        ],
    )
    def test_takes_the_last_address_that_is_no_trusted_proxys(self, settings, peer, forwarded, address):
        settings.TRUSTED_PROXIES = ["10.0.0.0/24", "proxy.example", "*"]
        headers = tuple((b"x-forwarded-for", value) for value in forwarded)

        assert visitor_of(scope(peer=peer, headers=headers)).address == address

    def test_trusts_nobody_unless_told(self, settings):
        settings.TRUSTED_PROXIES = []
        headers = ((b"x-forwarded-proto", b"https"), (b"x-client-cert-subject", b"CN=SN-1,O=X"))

        visitor = visitor_of(scope(peer="127.0.0.1", headers=headers))

        assert (visitor.address, visitor.is_encrypted, visitor.certificate) == ("127.0.0.1", False, None)

    def test_takes_a_header_that_stands_twice_for_none(self, settings):
        settings.TRUSTED_PROXIES = ["10.0.0.1"]
        headers = (
            (b"x-forwarded-proto", b"https"),
            (b"x-client-cert-subject", b"CN=SN-1,O=X"),
            (b"x-client-cert-subject", b"CN=SN-2,O=X"),
        )

        visitor = visitor_of(scope(peer="10.0.0.1", headers=headers))

        assert (visitor.is_encrypted, visitor.certificate) == (True, None)
