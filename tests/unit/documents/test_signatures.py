"""Signatures of webhooks, against the examples of those who read them."""

import base64
import hmac
from hashlib import sha256

from apps.documents.domain.signatures import secret_of, sign

# The example of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "sent_at_s": 1614265330, "body": '{"test": 2432232314}'}
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class TestSign:
    def test_gives_what_receivers_expect(self):
        assert sign(secrets=[SECRET], **MESSAGE) == SIGNED

    def test_signs_with_both_secrets_while_one_replaces_the_other(self):
        other = secret_of(b"x" * 32)

        first, second = sign(secrets=[other, SECRET], **MESSAGE).split(" ")

        assert second == SIGNED
        assert first == sign(secrets=[other], **MESSAGE)

    def test_signs_id_time_and_every_byte_of_the_body(self):
        changes = [{"message_id": "msg_other"}, {"sent_at_s": 1614265331}, {"body": '{"test": 2432232315}'}]

        signed = {sign(secrets=[SECRET], **{**MESSAGE, **change}) for change in changes}

        assert len(signed | {SIGNED}) == 4

    def test_is_an_hmac_under_the_bytes_of_the_secret(self):
        key = bytes(range(32))

        by_hand = hmac.new(key, 'msg_1.5.{"a":"ü"}'.encode(), sha256).digest()

        assert sign(secrets=[secret_of(key)], message_id="msg_1", sent_at_s=5, body='{"a":"ü"}') == (
            f"v1,{base64.b64encode(by_hand).decode()}"
        )
