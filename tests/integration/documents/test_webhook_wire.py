"""The door through which webhooks leave: real sockets, real TLS, a name service that changes its answer."""

import ipaddress
import socket
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.documents.domain.addresses import UrlRefused
from apps.documents.webhooks.wire import MOST_BYTES, Door, NotDelivered, post
from tests.integration.documents.receiver import receiving

LOCAL = Door(allow_localhost=True)
BODY = b'{"type":"ping"}'


class NameService:
    """Resolves every name; each look-up gives the next answer, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server that is hooks.example, and of a client that trusts its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    today = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "hooks.pem"
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + pem
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


@contextmanager
def answering(*parts: bytes, pause: float = 0, holds: bool = False):
    """Serve one connection: read what comes, send parts with pauses, then close it or hold it; yield the port."""
    over = Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                for part in parts:
                    connection.sendall(part)
                    if over.wait(pause):
                        return
                if holds:
                    over.wait(10)
        except OSError:
            pass  # the sender hung up

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.close()
        thread.join(5)


class TestPost:
    def test_sends_the_bytes_and_returns_what_came_back(self):
        with receiving() as receiver:
            answer = post(f"{receiver.url}?key=1", body=BODY, headers={"webhook-id": "msg_1"}, door=LOCAL)

        ((path, headers, body),) = receiver.requests
        assert (answer.status_code, answer.body, answer.address) == (200, b"ok", "127.0.0.1")
        assert (path, body, headers["webhook-id"], headers["host"]) == (
            "/hook?key=1",
            BODY,
            "msg_1",
            f"127.0.0.1:{receiver.port}",
        )

    def test_follows_no_redirect(self):
        def elsewhere(handler) -> None:
            handler.send_response(307)
            handler.send_header("Location", other.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with receiving() as receiver, receiving() as other:
            receiver.answers = [elsewhere]

            answer = post(receiver.url, body=BODY, headers={}, door=LOCAL)

        assert (answer.status_code, other.requests) == (307, [])

    def test_asks_no_proxy(self, monkeypatch):
        with receiving() as receiver, receiving() as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)

            post(receiver.url, body=BODY, headers={}, door=LOCAL)

        assert (len(receiver.requests), proxy.requests) == (1, [])

    def test_reads_a_mebibyte_at_most(self):
        with receiving() as receiver:
            receiver.answers = [(200, b"x" * (MOST_BYTES + 1000))]

            answer = post(receiver.url, body=BODY, headers={}, door=LOCAL)

        assert len(answer.body) == MOST_BYTES

    @pytest.mark.parametrize(
        ("parts", "says"),
        [
            ([], "No answer"),
            ([b"SSH-2.0-OpenSSH\r\n"], "No answer"),
            ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200], "No answer"),
            ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000], "No answer"),
            ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"], "No answer"),
        ],
        ids=["nothing", "another protocol", "headers without end", "a header without end", "less than was promised"],
    )
    def test_takes_what_is_no_answer_for_none(self, parts, says):
        with answering(*parts) as port, pytest.raises(NotDelivered, match=says):
            post(f"http://127.0.0.1:{port}/", body=BODY, headers={}, door=LOCAL)

    @pytest.mark.parametrize(
        "parts",
        [[], [b"HTTP/1.1 200 OK\r\n"], [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]],
        ids=["before the status", "before the headers end", "before the body ends"],
    )
    def test_is_done_in_time_with_who_never_ends(self, parts):
        drip = [*parts, *[b"X"] * 100]
        before = monotonic()

        with answering(*drip, pause=0.05) as port, pytest.raises(NotDelivered, match="too long"):
            post(f"http://127.0.0.1:{port}/", body=BODY, headers={}, door=Door(allow_localhost=True, seconds=0.4))

        assert monotonic() - before < 2

    def test_is_done_in_time_with_who_says_nothing(self):
        before = monotonic()

        with answering(holds=True) as port, pytest.raises(NotDelivered, match="too long"):
            post(f"http://127.0.0.1:{port}/", body=BODY, headers={}, door=Door(allow_localhost=True, seconds=0.3))

        assert monotonic() - before < 2

    def test_says_that_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]

        with pytest.raises(NotDelivered, match=r"No connection to 127\.0\.0\.1: Connection refused"):
            post(f"http://127.0.0.1:{port}/", body=BODY, headers={}, door=LOCAL)


class TestTls:
    def test_is_checked_against_the_name_on_the_address_that_was_checked(self, authority):
        server, client = authority
        names = NameService(["127.0.0.1"])
        with receiving(tls=server) as receiver:
            door = Door(resolve=names, allows=lambda _: True, tls=client)

            answer = post(f"https://hooks.example:{receiver.port}/in", body=BODY, headers={}, door=door)

        ((path, headers, _),) = receiver.requests
        assert (answer.status_code, path, headers["host"]) == (200, "/in", f"hooks.example:{receiver.port}")

    @pytest.mark.parametrize("trusts", [True, False])
    def test_lets_nobody_else_pass_for_it(self, authority, trusts):
        server, client = authority
        with receiving(tls=server) as receiver:
            door = Door(
                resolve=NameService(["127.0.0.1"]),
                allows=lambda _: True,
                tls=client if trusts else ssl.create_default_context(),
            )
            host = "other.example" if trusts else "hooks.example"

            with pytest.raises(NotDelivered, match="certificate verify failed"):
                post(f"https://{host}:{receiver.port}/", body=BODY, headers={}, door=door)

        assert receiver.requests == []

    def test_is_done_in_time_with_a_handshake_that_never_ends(self, authority):
        before = monotonic()
        door = Door(resolve=NameService(["127.0.0.1"]), allows=lambda _: True, tls=authority[1], seconds=0.3)

        with answering(holds=True) as port, pytest.raises(NotDelivered, match="too long"):
            post(f"https://hooks.example:{port}/", body=BODY, headers={}, door=door)

        assert monotonic() - before < 2


class TestNames:
    @pytest.mark.parametrize(
        "address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1"]
    )
    def test_that_lead_into_private_networks_are_refused(self, address):
        with pytest.raises(UrlRefused, match="no public address"):
            post("https://hooks.example/", body=BODY, headers={}, door=Door(resolve=NameService([address])))

    def test_that_lead_there_with_one_of_their_addresses_are_refused_whole(self):
        names = NameService(["93.184.216.34", "10.0.0.1"])

        with pytest.raises(UrlRefused, match=r"10\.0\.0\.1"):
            post("https://hooks.example/", body=BODY, headers={}, door=Door(resolve=names))

    @pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "localhost"])
    def test_are_judged_by_what_the_system_makes_of_them(self, host):
        with pytest.raises(UrlRefused, match="no public address"):
            post(f"https://{host}/", body=BODY, headers={}, door=Door())

    def test_that_change_their_answer_change_nothing(self, authority):
        server, client = authority
        names = NameService(["127.0.0.1"], ["::1"])
        with receiving(tls=server) as checked, receiving(host="::1", port=checked.port, tls=server) as changed:
            door = Door(resolve=names, allows=lambda address: ipaddress.ip_address(address).version == 4, tls=client)

            answer = post(f"https://hooks.example:{checked.port}/", body=BODY, headers={}, door=door)
            with pytest.raises(UrlRefused, match="::1"):
                post(f"https://hooks.example:{checked.port}/", body=BODY, headers={}, door=door)

        assert (answer.address, len(checked.requests), changed.requests) == ("127.0.0.1", 1, [])
        assert names.asked == ["hooks.example", "hooks.example"]

    def test_of_this_machine_are_this_machine_alone(self):
        with pytest.raises(UrlRefused, match="not this machine"):
            post(
                "http://localhost/",
                body=BODY,
                headers={},
                door=Door(allow_localhost=True, resolve=NameService(["10.0.0.1"])),
            )

    def test_that_nobody_knows_are_said_so(self):
        def unknown(host: str, port: int) -> list[str]:
            raise socket.gaierror(-2, "Name or service not known")

        with pytest.raises(NotDelivered, match=r"The name hooks\.example is not known"):
            post("https://hooks.example/", body=BODY, headers={}, door=Door(resolve=unknown))

    def test_that_nobody_answers_for_are_not_waited_for(self):
        def slow(host: str, port: int) -> list[str]:
            sleep(1)
            return ["93.184.216.34"]

        before = monotonic()

        with pytest.raises(NotDelivered, match="not resolved in time"):
            post("https://hooks.example/", body=BODY, headers={}, door=Door(resolve=slow, seconds=0.2))

        assert monotonic() - before < 0.8

    def test_are_tried_at_their_next_address_where_one_is_dead(self):
        with receiving() as receiver:
            door = Door(allow_localhost=True, resolve=NameService(["::1", "127.0.0.1"]))

            answer = post(f"http://localhost:{receiver.port}/", body=BODY, headers={}, door=door)

        assert answer.address == "127.0.0.1"
