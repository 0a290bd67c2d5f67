"""Security profiles 1 to 3 over real TLS, and what a proxy may say of its clients."""

import asyncio
import base64
import os
import ssl

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from apps.ocpp import door
from apps.ocpp.authentication import Brake
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.ocpp.pool import stop_pool
from apps.ocpp.writer import writer
from apps.stations.models import ChargingStation
from config.processes import TLS_CIPHERS, Processes, Tls, asgi_command, free_port
from tests.integration.ocpp.certificates import Authority
from tests.integration.ocpp.conftest import serving, tell

OPERATOR = "Wattwerk Nord GmbH"
SUBJECT = "X-Client-Cert-Subject"
PROXY = "127.0.0.2"


def knock(url, *, key=None, context=None, headers=None, from_address=None) -> int | str:
    """Return the HTTP status that the door answers with, 101 if it opens; "tls" if TLS did not come about."""
    identity = url.rpartition("/")[2]
    basic = base64.b64encode(f"{identity}:{key}".encode()).decode()
    sent = {**({"Authorization": f"Basic {basic}"} if key is not None else {}), **(headers or {})}

    async def story() -> int | str:
        try:
            async with connect(
                url,
                additional_headers=sent,
                subprotocols=["ocpp1.6"],
                proxy=None,
                ssl=context,
                local_addr=(from_address, 0) if from_address else None,
            ):
                return 101
        except InvalidStatus as error:
            return error.response.status_code
        except (ssl.SSLError, ConnectionError, InvalidHandshake):
            return "tls"

    return tell(story)


@pytest.fixture(autouse=True)
def _fresh_door(monkeypatch):
    monkeypatch.setattr(door, "brake", Brake(max_delay_s=0.05))
    monkeypatch.setattr(door, "_noted", {})


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_url(transactional_db, authority):
    server = authority.issue("127.0.0.1", is_rsa=True)
    with serving(
        ssl_certfile=str(server.certificate),
        ssl_keyfile=str(server.key),
        ssl_ciphers=TLS_CIPHERS,
        ssl_ca_certs=str(authority.path),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
    ) as url:
        yield url
    writer.stop()
    stop_pool()


def demand(box, profile: int, **fields) -> None:
    box.station.location.owner.name = OPERATOR
    box.station.location.owner.save(update_fields=["name"])
    ChargingStation.objects.filter(pk=box.station.pk).update(
        security_profile=profile, **({"certificate_serial": "SN-1"} if profile == 3 else {}), **fields
    )


def used(box) -> tuple[int, int | None]:
    box.station.refresh_from_db()
    return box.station.connection_no, box.station.used_profile


class TestProfile1:
    def test_lets_a_key_in_without_tls_and_with_it(self, url, tls_url, authority, box):
        assert knock(f"{url}/BOX-1", key=box.key) == 101
        assert used(box) == (1, 1)
        assert knock(f"{tls_url}/BOX-1", key=box.key, context=authority.client_context()) == 101
        assert used(box) == (2, 2)


class TestProfile2:
    def test_refuses_the_right_key_without_tls_and_says_so_once(self, url, box):
        demand(box, 2)

        answers = [knock(f"{url}/BOX-1", key=box.key) for _ in range(3)]

        assert answers == [403, 403, 403]
        assert used(box) == (0, None)
        assert [event.kind for event in StationEvent.objects.all()] == [EventKind.SECURITY]
        assert not Frame.objects.exists()

    def test_tells_nobody_else_which_profile_a_station_has(self, url, box):
        demand(box, 2)

        assert [knock(f"{url}/BOX-1", key="wrong"), knock(f"{url}/OTHER", key=box.key)] == [401, 401]
        assert not StationEvent.objects.exists()

    def test_lets_the_key_in_over_tls_and_refuses_a_wrong_one(self, tls_url, authority, box):
        demand(box, 2)
        context = authority.client_context()

        answers = [knock(f"{tls_url}/BOX-1", key=key, context=context) for key in (box.key, "wrong", None)]

        assert answers == [101, 401, 401]
        assert used(box) == (1, 2)

    @pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"])
    def test_speaks_tls_1_2_with_the_ciphers_of_the_whitepaper(self, tls_url, authority, box, cipher):
        context = authority.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)

        assert knock(f"{tls_url}/BOX-1", key=box.key, context=context) == 101

    def test_speaks_nothing_older(self, tls_url, authority, box):
        context = authority.client_context()
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")

        assert knock(f"{tls_url}/BOX-1", key=box.key, context=context) == "tls"


class TestProfile3:
    def test_lets_a_certificate_in_that_names_serial_and_operator_without_any_key(self, tls_url, authority, box):
        demand(box, 3)
        context = authority.client_context(authority.issue("SN-1", OPERATOR))

        assert knock(f"{tls_url}/BOX-1", context=context) == 101
        assert used(box) == (1, 3)

    @pytest.mark.parametrize(
        ("serial", "operator"),
        [("SN-2", OPERATOR), ("SN-1", "Somebody else"), ("SN-1", ""), ("sn-1", OPERATOR), ("BOX-1", OPERATOR)],
    )
    def test_refuses_a_certificate_that_names_another(self, tls_url, authority, box, serial, operator):
        demand(box, 3)
        context = authority.client_context(authority.issue(serial, operator))

        assert knock(f"{tls_url}/BOX-1", context=context) == 401
        assert used(box) == (0, None)

    def test_refuses_the_right_key_without_a_certificate(self, tls_url, authority, box):
        demand(box, 3)

        assert knock(f"{tls_url}/BOX-1", key=box.key, context=authority.client_context()) == 403
        assert used(box) == (0, None)

    def test_refuses_certificates_of_another_authority_and_expired_ones(self, tls_url, authority, box, tmp_path):
        demand(box, 3)
        strange = Authority(tmp_path, "strange").issue("SN-1", OPERATOR)
        expired = authority.issue("SN-1", OPERATOR, has_expired=True)

        answers = [
            knock(f"{tls_url}/BOX-1", key=box.key, context=authority.client_context(pair))
            for pair in (strange, expired)
        ]

        assert answers == ["tls", "tls"]
        assert used(box) == (0, None)

    def test_takes_the_operator_that_the_station_names(self, tls_url, authority, box):
        demand(box, 3, certificate_operator="Platform AG")
        contexts = [authority.client_context(authority.issue("SN-1", name)) for name in ("Platform AG", OPERATOR)]

        assert [knock(f"{tls_url}/BOX-1", context=context) for context in contexts] == [101, 401]

    def test_shows_a_certificate_early_where_the_station_is_still_on_a_lower_profile(self, tls_url, authority, box):
        demand(box, 2, certificate_serial="SN-1")
        context = authority.client_context(authority.issue("SN-1", OPERATOR))

        assert knock(f"{tls_url}/BOX-1", context=context) == 101
        assert used(box) == (1, 3)

    def test_cannot_be_asked_of_a_station_without_a_serial_number(self, box):
        with pytest.raises(IntegrityError):
            ChargingStation.objects.filter(pk=box.station.pk).update(security_profile=3)


class TestTheServersCommand:
    def test_serves_every_profile_over_tls_on_one_port(self, transactional_db, authority, box, make_box):
        guarded = make_box("BOX-2")
        demand(guarded, 3)
        server = authority.issue("127.0.0.1")
        tls = Tls(certificate=server.certificate, key=server.key, client_ca=authority.path)
        port = free_port(0)
        shown = authority.client_context(authority.issue("SN-1", OPERATOR))
        host, _, _ = os.environ["DATABASE_URL"].rpartition("/")
        environment = {
            "DATABASE_URL": f"{host}/{connection.settings_dict['NAME']}",
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        }

        with Processes(env=environment) as processes:
            processes.start("ocpp", asgi_command(port, tls=tls))
            processes.wait_ready(f"https://127.0.0.1:{port}/healthz", name="ocpp")
            url = f"wss://127.0.0.1:{port}/ocpp"
            answers = [
                knock(f"{url}/BOX-1", key=box.key, context=authority.client_context()),
                knock(f"{url}/BOX-2", context=shown),
                knock(f"{url}/BOX-2", context=authority.client_context()),
                knock(f"{url}/BOX-1/more", context=shown),
            ]

        assert answers == [101, 101, 401, 404]
        assert (used(box), used(guarded)) == ((1, 2), (1, 3))

    @pytest.mark.parametrize(
        "options", [{"tls_cert": "missing.pem"}, {"client_ca": "ca.pem"}, {"tls_cert": "a.pem", "tls_key": "b.pem"}]
    )
    def test_is_not_begun_with_half_of_what_tls_needs(self, tmp_path, options):
        paths = {name: tmp_path / file for name, file in options.items()}

        with pytest.raises(CommandError):
            call_command("run", **paths)


class TestAProxy:
    @pytest.fixture(autouse=True)
    def _trusted(self, settings):
        settings.TRUSTED_PROXIES = [f"{PROXY}/32"]

    def test_is_believed_that_its_client_came_over_tls(self, url, box):
        demand(box, 2)
        secure = {"X-Forwarded-Proto": "https"}

        assert knock(f"{url}/BOX-1", key=box.key, headers=secure, from_address=PROXY) == 101
        assert used(box) == (1, 2)

    def test_is_believed_that_its_client_did_not(self, url, box):
        demand(box, 2)

        answers = [
            knock(f"{url}/BOX-1", key=box.key, headers=headers, from_address=PROXY)
            for headers in ({"X-Forwarded-Proto": "http"}, {}, {"X-Forwarded-Proto": "http, https"})
        ]

        assert answers == [403, 403, 403]

    @pytest.mark.parametrize("subject", [f"CN=SN-1,O={OPERATOR},C=DE", f"C=DE,O={OPERATOR},CN=SN-1"])
    def test_is_believed_whose_certificate_it_verified(self, url, box, subject):
        demand(box, 3)
        headers = {"X-Forwarded-Proto": "https", SUBJECT: subject}

        assert knock(f"{url}/BOX-1", headers=headers, from_address=PROXY) == 101
        assert used(box) == (1, 3)

    @pytest.mark.parametrize(
        "headers",
        [
            {SUBJECT: f"CN=SN-1,O={OPERATOR}"},
            {"X-Forwarded-Proto": "http", SUBJECT: f"CN=SN-1,O={OPERATOR}"},
            {"X-Forwarded-Proto": "https", SUBJECT: f"CN=SN-1,CN=SN-2,O={OPERATOR}"},
            {"X-Forwarded-Proto": "https", SUBJECT: f"/CN=SN-1/O={OPERATOR}"},
            {"X-Forwarded-Proto": "https", SUBJECT: f"CN=SN-1\\,O={OPERATOR}"},
            {"X-Forwarded-Proto": "https", SUBJECT: ""},
        ],
    )
    def test_is_not_understood_in_half_a_sentence(self, url, box, headers):
        demand(box, 3)

        assert knock(f"{url}/BOX-1", headers=headers, from_address=PROXY) == 401

    def test_is_nobody_when_it_is_not_trusted(self, url, box):
        demand(box, 3)
        headers = {"X-Forwarded-Proto": "https", SUBJECT: f"CN=SN-1,O={OPERATOR}", "X-Forwarded-For": PROXY}

        assert knock(f"{url}/BOX-1", headers=headers, from_address="127.0.0.3") == 401
        assert knock(f"{url}/BOX-1", headers=headers) == 401
        assert knock(f"{url}/BOX-1", key=box.key, headers=headers) == 403
        assert used(box) == (0, None)

    def test_lends_nobody_its_own_address_to_be_braked_by(self, url, box, monkeypatch):
        seen: list[str] = []
        monkeypatch.setattr(door.brake, "delay_s", lambda address, identity: seen.append(address) or 0.0)
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}

        knock(f"{url}/BOX-1", key="wrong", headers=headers, from_address=PROXY)
        knock(f"{url}/BOX-1", key="wrong", headers=headers, from_address="127.0.0.3")

        assert seen == ["198.51.100.7", "127.0.0.3"]


class TestABrowser:
    @pytest.mark.parametrize("origin", ["file://", "https://evil.example", "null"])
    def test_gets_no_further_than_anybody_else_by_its_origin(self, url, box, origin):
        # Chargers whose library sends an Origin exist (arduinoWebSockets: file://). Nothing here rides on cookies.
        assert knock(f"{url}/BOX-1", key=box.key, headers={"Origin": origin}) == 101
        assert knock(f"{url}/BOX-1", headers={"Origin": origin, "Cookie": "sessionid=1"}) == 401


class TestAKey:
    def test_may_be_sent_as_the_bytes_whose_hexadecimal_text_it_is(self, url, box):
        pair = base64.b64encode(b"BOX-1:" + bytes.fromhex(box.key)).decode()

        async def story():
            async with connect(
                f"{url}/BOX-1",
                additional_headers={"Authorization": f"Basic {pair}"},
                subprotocols=["ocpp1.6"],
                proxy=None,
            ) as socket:
                return socket.subprotocol

        assert asyncio.run(story()) == "ocpp1.6"
