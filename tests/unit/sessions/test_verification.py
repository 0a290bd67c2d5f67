"""Verdicts on real signatures."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding as KeyEncoding
from cryptography.hazmat.primitives.serialization import PublicFormat

from apps.sessions.domain.signed import Encoding, SignatureVerdict, SignedFormat, Verdict
from apps.sessions.verification import Key, check_record, engine
from tests.meters import SigningMeter, tampered

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
METER, OTHER = SigningMeter(), SigningMeter()
RECORD = METER.begin(NOON, "2935.600")
RSA_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=1024)
    .public_key()
    .public_bytes(KeyEncoding.DER, PublicFormat.SubjectPublicKeyInfo)
    .hex()
)


def verdict_on(record: str, *keys: str, encoding: Encoding = Encoding.PLAIN) -> SignatureVerdict:
    known = [Key(id=number, der=der, name=f"k{number}") for number, der in enumerate(keys, 1)]
    return check_record(raw=record.encode(), encoding=encoding, format=SignedFormat.OCMF, keys=known)


class TestCheckRecord:
    @pytest.mark.parametrize(
        "curve",
        [ec.SECP256R1(), ec.SECP256K1(), ec.SECP384R1(), ec.SECP521R1(), ec.BrainpoolP256R1(), ec.SECP192R1()],
        ids=lambda curve: curve.name,
    )
    def test_verifies_what_the_meter_signed(self, curve):
        meter = SigningMeter(curve=curve)

        found = verdict_on(meter.begin(NOON, "1.000"), meter.public_key)

        assert found.verdict is Verdict.VERIFIED
        assert found.reason == "Signed by the meter's key k1."
        assert found.key_id == 1
        assert [one.energy_milliwh for one in found.statement.readings] == [1_000_000]

    def test_knows_a_curve_by_the_name_that_the_format_gives_it(self):
        meter = SigningMeter(curve=ec.BrainpoolP256R1())
        record = meter.begin(NOON, "1.000").replace("ECDSA-brainpoolP256r1-", "ECDSA-brainpool256r1-")

        assert verdict_on(record, meter.public_key).verdict is Verdict.VERIFIED

    def test_verifies_with_any_of_the_keys(self):
        found = verdict_on(RECORD, OTHER.public_key, METER.public_key)

        assert (found.verdict, found.key_id) == (Verdict.VERIFIED, 2)

    @pytest.mark.parametrize("encoding", [Encoding.HEX, Encoding.BASE64])
    def test_verifies_what_is_wrapped(self, encoding):
        data = RECORD.encode()
        wrapped = data.hex() if encoding is Encoding.HEX else base64.b64encode(data).decode()

        assert verdict_on(wrapped, METER.public_key, encoding=encoding).verdict is Verdict.VERIFIED

    def test_refuses_a_changed_value(self):
        found = verdict_on(tampered(RECORD, old="2935.600", new="2935.601"), METER.public_key)

        assert found.verdict is Verdict.REFUSED
        assert found.reason == "The signature is not the meter's: key k1 did not make it."
        assert found.key_id is None

    def test_refuses_a_change_that_alters_no_meaning(self):
        assert verdict_on(RECORD.replace(',"GI"', ', "GI"'), METER.public_key).verdict is Verdict.REFUSED

    def test_refuses_what_another_meter_signed(self):
        assert verdict_on(RECORD, OTHER.public_key).verdict is Verdict.REFUSED

    def test_refuses_a_signature_of_another_curve_than_the_meters(self):
        other = SigningMeter(curve=ec.SECP256K1())

        found = verdict_on(RECORD, other.public_key)

        assert found.verdict is Verdict.REFUSED
        assert found.reason == "The signature is not of the kind of the meter's key k1."

    def test_says_that_no_key_is_known(self):
        found = verdict_on(RECORD)

        assert (found.verdict, found.reason) == (Verdict.NO_KEY, "No key of this meter is known.")
        assert len(found.statement.readings) == 1

    @pytest.mark.parametrize("form", [SignedFormat.ALFEN, SignedFormat.EDL, SignedFormat.UNKNOWN])
    def test_says_that_a_format_is_not_known_here(self, form):
        found = check_record(raw=b"AP;0", encoding=Encoding.PLAIN, format=form, keys=[])

        assert found.verdict is Verdict.UNKNOWN_FORMAT
        assert str(form) in found.reason

    @pytest.mark.parametrize(
        ("record", "key"),
        [
            (RECORD, RSA_KEY),
            (RECORD.replace("ECDSA-secp256r1-SHA256", "RSA-2048-SHA256"), RSA_KEY),
            (RECORD.replace("ECDSA-secp256r1-SHA256", "ECDSA-secp256r1-MD5"), METER.public_key),
            ("OCMF|{}|{}", METER.public_key),
            ("OCMF|nothing", METER.public_key),
        ],
        ids=["RSA key", "RSA signature", "unknown hash", "no readings", "no record"],
    )
    def test_cannot_tell(self, record, key):
        assert verdict_on(record, key).verdict is Verdict.NOT_VERIFIABLE

    @pytest.mark.parametrize("signature", ['{"SD":"zz"}', '{"SD":"00"}', '{"SD":""}', "{}", '{"SD":7}'])
    def test_never_takes_a_broken_signature_for_a_good_one(self, signature):
        payload = RECORD.split("|")[1]

        found = verdict_on(f"OCMF|{payload}|{signature}", METER.public_key)

        assert found.verdict in (Verdict.REFUSED, Verdict.NOT_VERIFIABLE)

    def test_names_what_decides(self):
        assert engine().startswith("wattledger 1, pyocmf 0.")
