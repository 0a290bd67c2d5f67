"""The files that a person hands to the simulator, and what a car takes by them."""

from datetime import timedelta

import pytest

from apps.ocpp.simulator.charger import AnswerLostError, RefusedError
from apps.ocpp.simulator.csv_files import BadCsvError
from apps.ocpp.simulator.fleet import Tally, identities, keys_of
from apps.ocpp.simulator.open_files import TooFewFilesError, allow_sockets
from apps.ocpp.simulator.profile import Profile, Spell, moments, read_profile

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path."""

    def write(content: str | bytes):
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


class TestAProfile:
    def test_delivers_step_by_step_with_a_pause(self, file):
        profile = read_profile(file("seconds,power_w\n0,11000\n1800,0\n2700,3600\n4500,0\n"))

        told = [(profile.energy_wh(MINUTE * at), profile.power_w(MINUTE * at)) for at in (0, 15, 30, 40, 60, 75, 999)]

        # 11 kW × ½ h = 5.5 kWh; a quarter of an hour nothing; 3.6 kW × ½ h = 1.8 kWh.
        assert told == [(0, 11000), (2750, 11000), (5500, 0), (5500, 0), (6400, 3600), (7300, 0), (7300, 0)]
        assert profile.duration == timedelta(minutes=75)

    def test_ends_in_the_second_in_which_the_car_is_full(self, file):
        path = file("seconds,power_w\n0,11000\n1800,0\n2700,3600\n4500,0\n")

        full = [(read_profile(path, most_wh=most).duration, most) for most in (5500, 5501, 9999)]

        assert [duration for duration, _ in full] == [MINUTE * 30, MINUTE * 45 + timedelta(seconds=1), MINUTE * 75]
        assert read_profile(path, most_wh=5501).energy_wh(MINUTE * 75) == 5501

    def test_of_one_power_goes_on_unless_the_car_is_full(self):
        assert Profile.steady(11_000).duration is None
        assert Profile.steady(11_000).energy_wh(MINUTE * 90) == 16_500
        assert Profile.steady(11_000, most_wh=22_000).duration == timedelta(hours=2)
        assert Profile.steady(11_000, most_wh=22_000).energy_wh(timedelta(hours=2)) == 22_000

    def test_is_sampled_at_regular_times_and_where_the_power_changes(self, file):
        profile = read_profile(file("seconds,power_w\n0,11000\n1200,7000\n1800,0\n"))

        assert list(moments(profile, every=QUARTER)) == [QUARTER, MINUTE * 20]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", "line 1 must name the column seconds once"),
            ("seconds,power_w\n", "it holds no line beside the first"),
            ("seconds;power_w\n0;1\n", "line 1 must name the column seconds once; it reads 'seconds;power_w'"),
            ("seconds,power_w\n0,11000\n60\n", "line 3: it has 1 columns and line 1 has 2"),
            ("seconds,power_w\n0,11000\n60,12x\n", "line 3, column power_w: '12x' is no whole number from 0 to"),
            ("seconds,power_w\n0,11000\n60,٣\n", "line 3, column power_w"),
            ("seconds,power_w\n0,-5\n60,0\n", "line 2, column power_w: '-5' is no whole number"),
            ("seconds,power_w\n0,99999999\n60,0\n", "line 2, column power_w"),
            ("seconds,power_w\n5,11000\n60,0\n", "line 2, column seconds: the first line must be of second 0"),
            ("seconds,power_w\n0,1\n60,2\n60,0\n", "line 4, column seconds: 60 is not later than 60 before it"),
            ("seconds,power_w\n0,11000\n60,5\n", "line 3, column power_w: the last line ends the charge"),
            ("seconds,power_w\n0,0\n", "line 2, column power_w: the last line ends the charge"),
            (b"seconds,power_w\n0,\xff\n", "it is not in UTF-8"),
            ('seconds,power_w\n0,"11000\n', "unexpected end of data"),
        ],
    )
    def test_that_is_wrong_is_refused_by_line_and_column(self, file, content, words):
        path = file(content)

        with pytest.raises(BadCsvError) as refused:
            read_profile(path)

        assert words in str(refused.value)
        assert str(refused.value).startswith(str(path))

    def test_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(BadCsvError, match=r"none\.csv: No such file"):
            read_profile(tmp_path / "none.csv")


class TestASpell:
    def test_covers_its_beginning_and_not_its_end(self):
        spell = Spell(after=MINUTE, lasts=MINUTE)

        assert [spell.covers(timedelta(seconds=at)) for at in (59, 60, 119, 120)] == [False, True, True, False]


class TestKeysOfAFleet:
    def test_are_those_that_the_console_hands_out(self, file):
        path = file("location,station,key,address\nYard,LOAD-0001,k1,ws://a\nYard,LOAD-0002,k2,ws://b\n")

        assert keys_of(identities("LOAD", 2), path) == {"LOAD-0001": "k1", "LOAD-0002": "k2"}

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("station,key\nLOAD-0001,k\n", "no line for LOAD-0002, LOAD-0003, LOAD-0004 …"),
            ("station,key\nLOAD-0001,\n", "line 2, column key: it is empty"),
            ("station,key\nLOAD-0001,k\nLOAD-0001,k\n", "line 3, column station: 'LOAD-0001' stands there twice"),
        ],
    )
    def test_that_are_missing_are_named(self, file, content, words):
        path = file(content)

        with pytest.raises(BadCsvError, match=words):
            keys_of(identities("LOAD", 5), path)


class TestATally:
    def test_tells_answers_from_errors_and_from_what_was_lost_on_purpose(self):
        tally = Tally()
        for seconds in range(1, 100):
            tally.note_call(seconds / 1000, None)
        tally.note_call(1.0, AnswerLostError())
        tally.note_call(1.0, RefusedError("InternalError", "try again"))

        summary = tally.summary(3)

        assert summary.startswith("3 stations: 99 messages in ")
        assert summary.endswith(
            " 1 errors, 1 answers lost on purpose, p50 50 ms, p99 99 ms; 1 × RefusedError InternalError: try again"
        )


class TestOpenFiles:
    def test_say_how_many_there_may_be_when_they_are_too_few(self):
        with pytest.raises(TooFewFilesError, match="open files and the hard limit is"):
            allow_sockets(10**12)
