"""Spellings of a meter's public key."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.stations.meter_keys import UnreadableKey, read_public_key

KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256R1()).public_key()
DER = KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
POINT = KEY.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
ENVELOPE = f"oca:base16:asn1:{DER.hex()}"
SPELLINGS = {
    "hexadecimal": DER.hex(),
    "capitals in groups of four": " ".join(DER.hex().upper()[n : n + 4] for n in range(0, len(DER) * 2, 4)),
    "base64": base64.b64encode(DER).decode(),
    "base64 of hexadecimal": base64.b64encode(DER.hex().encode()).decode(),
    "PEM": KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    "OCA's envelope": ENVELOPE,
    "OCA's envelope in base64": base64.b64encode(ENVELOPE.encode()).decode(),
    "a bare point": POINT.hex(),
    "a point without its prefix": POINT[1:].hex(),
}


class TestReadPublicKey:
    @pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
    def test_reads_every_spelling_as_the_same_key(self, text):
        key = read_public_key(text)

        assert key.der == DER.hex()
        assert key.algorithm == "secp256r1"

    def test_tells_the_curve_of_a_bare_point(self):
        point = ec.derive_private_key(7, ec.SECP256K1()).public_key()

        key = read_public_key(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex())

        assert key.algorithm == "secp256k1"

    def test_names_a_key_that_is_on_no_curve(self):
        public = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()

        key = read_public_key(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex())

        assert key.algorithm == "RSA"

    @pytest.mark.parametrize(
        "text",
        ["", "  ", "hello", "00", "30", DER.hex()[:-2], "AAAA", "ключ", "\0", "04" + "00" * 64, "aa" * 2_000],
        ids=lambda text: repr(text)[:20],
    )
    def test_refuses_what_is_no_key(self, text):
        with pytest.raises(UnreadableKey):
            read_public_key(text)
