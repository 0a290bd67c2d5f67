"""Where a driver's charge stands."""

import pytest

from apps.adhoc.domain.progress import Facts, Stage, stage_of


class TestStageOf:
    @pytest.mark.parametrize(
        ("facts", "stage"),
        [
            (Facts(attempt="created"), Stage.PAYING),
            (Facts(attempt="checkout_open"), Stage.PAYING),
            (Facts(attempt="authorised"), Stage.STARTING),
            (Facts(attempt="authorised", command="sent"), Stage.STARTING),
            (Facts(attempt="authorised", command="accepted"), Stage.PLUG_IN),
            (Facts(attempt="authorised", command="accepted", session="live"), Stage.CHARGING),
            (Facts(attempt="authorised", command="accepted", session="unresolved"), Stage.OFFLINE),
            (Facts(attempt="authorised", command="accepted", session="ended"), Stage.FINALISING),
            (Facts(attempt="authorised", session="settled"), Stage.FINALISING),
            (Facts(attempt="authorised", session="review"), Stage.CHECKING),
            (Facts(attempt="capturing", session="settled", has_receipt=True), Stage.DONE),
            (Facts(attempt="captured", session="settled", has_receipt=True), Stage.DONE),
            (Facts(attempt="released", session="settled", has_receipt=True), Stage.DONE),
            (Facts(attempt="capture_failed", session="settled", has_receipt=True, is_open=True), Stage.UNCOLLECTED),
            (Facts(attempt="capture_failed", session="settled", has_receipt=True), Stage.DONE),
            (Facts(attempt="captured", session="settled", has_receipt=True, is_open=True), Stage.UNCOLLECTED),
            (Facts(attempt="capturing", session="settled", has_receipt=True, is_open=True), Stage.DONE),
            (Facts(attempt="checkout_expired"), Stage.CLOSED),
            (Facts(attempt="payment_failed"), Stage.CLOSED),
            (Facts(attempt="releasing", command="timed_out"), Stage.CLOSED),
            (Facts(attempt="released", command="rejected"), Stage.CLOSED),
        ],
    )
    def test_follows_from_money_command_session_and_receipt(self, facts, stage):
        assert stage_of(facts) == stage
