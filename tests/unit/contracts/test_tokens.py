from datetime import UTC, datetime, timedelta

import pytest

from apps.contracts.domain.tokens import TokenVerdict, judge_token, normalise_uid

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class TestJudgeToken:
    @pytest.mark.parametrize(
        ("fields", "verdict"),
        [
            ({}, TokenVerdict.VALID),
            ({"is_active": False}, TokenVerdict.BLOCKED),
            ({"contract_status": "suspended"}, TokenVerdict.BLOCKED),
            ({"contract_status": "ended"}, TokenVerdict.EXPIRED),
            ({"contract_status": "ended", "valid_to": NOON + timedelta(days=1)}, TokenVerdict.VALID),
            ({"valid_from": NOON + timedelta(microseconds=1)}, TokenVerdict.EXPIRED),
            ({"valid_to": NOON}, TokenVerdict.EXPIRED),
        ],
    )
    def test_reads_card_contract_and_span(self, fields, verdict):
        known = {"is_active": True, "contract_status": "active", "valid_from": NOON, "valid_to": None, "at": NOON}

        assert judge_token(**{**known, **fields}) is verdict


class TestNormaliseUid:
    def test_trims_and_raises(self):
        assert normalise_uid(" 04a2b3\t") == "04A2B3"
