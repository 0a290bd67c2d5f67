"""A small certificate authority for tests: a server's certificate, and those of chargers."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Where a certificate and its private key lie, as PEM."""

    certificate: Path
    key: Path


class Authority:
    """Issues what it is asked for into a directory."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = directory / f"{name}.pem"
        certificate = self._build(self._name, self._key.public_key(), is_ca=True)
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self, common_name: str, organisation: str = "", *, is_rsa: bool = False, has_expired: bool = False
    ) -> Pair:
        """Issue a certificate, good for 127.0.0.1 too."""
        key: Key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        certificate = self._build(x509.Name(names), key.public_key(), has_expired=has_expired)
        stem = f"{self.path.stem}-{common_name}-{organisation}-{has_expired}".replace("/", "_")
        pair = Pair(certificate=self._directory / f"{stem}.pem", key=self._directory / f"{stem}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair

    def client_context(self, pair: Pair | None = None) -> ssl.SSLContext:
        """Return what a charger needs to trust servers of this authority, and to show its own certificate."""
        context = ssl.create_default_context(cafile=str(self.path))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def _build(
        self, subject: x509.Name, public_key: object, *, is_ca: bool = False, has_expired: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=-1 if has_expired else 1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())
