import pytest

from apps.core.domain.moves import IllegalMove
from apps.stations.domain.status import NEXT, CommandStatus, advance


class TestCommandStatus:
    def test_ends_and_stays_ended(self):
        ends = {status for status, following in NEXT.items() if not following}

        assert set(NEXT) == set(CommandStatus)
        assert ends == {CommandStatus.ACCEPTED, CommandStatus.REJECTED, CommandStatus.TIMED_OUT}

    @pytest.mark.parametrize(
        ("status", "to"),
        [
            (CommandStatus.REQUESTED, CommandStatus.ACCEPTED),
            (CommandStatus.ACCEPTED, CommandStatus.REJECTED),
            (CommandStatus.TIMED_OUT, CommandStatus.ACCEPTED),
        ],
    )
    def test_refuses_to_skip_or_to_change_its_end(self, status, to):
        with pytest.raises(IllegalMove):
            advance(status, to)
