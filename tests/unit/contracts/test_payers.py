"""Employer or driver: which rule decides, and how it says so."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from apps.contracts.domain.payers import (
    Beginning,
    CardKind,
    Origin,
    Payer,
    PayerRule,
    decide_payer,
    payer_words,
)

BERLIN = ZoneInfo("Europe/Berlin")
WORK = frozenset({1, 2, 3, 4, 5})
OFFICE_HOURS = PayerRule(
    payer=Payer.EMPLOYER, weekdays=WORK, begins=time(7), ends=time(18), location=1, place="Head office"
)


def start(*when: int, location: int = 1, card_kind: CardKind | None = None) -> Beginning:
    return Beginning(local=datetime(*when, tzinfo=BERLIN), location=location, card_kind=card_kind)


def payer_of(beginning: Beginning, *rules: PayerRule, otherwise: Payer = Payer.DRIVER) -> Payer:
    return decide_payer(rules, otherwise=otherwise, beginning=beginning).payer


class TestARule:
    @pytest.mark.parametrize(
        ("when", "payer"),
        [
            ((2026, 6, 1, 7, 0), Payer.EMPLOYER),  # Monday, the first minute
            ((2026, 6, 1, 17, 59), Payer.EMPLOYER),
            ((2026, 6, 1, 18, 0), Payer.DRIVER),  # the end is no more within
            ((2026, 6, 6, 12, 0), Payer.DRIVER),  # Saturday
        ],
    )
    def test_holds_by_weekday_and_time_on_the_locations_clock(self, when, payer):
        assert payer_of(start(*when), OFFICE_HOURS) == payer

    def test_holds_at_its_place_alone(self):
        assert payer_of(start(2026, 6, 1, 12, location=2), OFFICE_HOURS) == Payer.DRIVER

    def test_wraps_midnight_and_tests_the_weekday_of_the_start_itself(self):
        night = PayerRule(payer=Payer.DRIVER, weekdays=frozenset({5}), begins=time(22), ends=time(6))

        # Friday 23:00 and Friday 05:00 are Fridays; Saturday 05:00 is none.
        answers = [payer_of(start(2026, 6, *at), night, otherwise=Payer.EMPLOYER) for at in ((5, 23), (5, 5), (6, 5))]

        assert answers == [Payer.DRIVER, Payer.DRIVER, Payer.EMPLOYER]

    def test_ends_with_the_day_at_midnight(self):
        evening = PayerRule(payer=Payer.DRIVER, begins=time(18), ends=time(0))

        assert payer_of(start(2026, 6, 1, 23, 59), evening, otherwise=Payer.EMPLOYER) == Payer.DRIVER
        assert payer_of(start(2026, 6, 1, 0, 0), evening, otherwise=Payer.EMPLOYER) == Payer.EMPLOYER

    def test_holds_for_its_kind_of_card(self):
        visitors = PayerRule(payer=Payer.DRIVER, card_kind=CardKind.VISITOR)

        assert payer_of(start(2026, 6, 1, 12, card_kind=CardKind.VISITOR), visitors) == Payer.DRIVER
        assert payer_of(start(2026, 6, 1, 12), visitors, otherwise=Payer.EMPLOYER) == Payer.EMPLOYER

    def test_goes_before_those_after_it(self):
        always = PayerRule(payer=Payer.DRIVER)

        assert payer_of(start(2026, 6, 1, 12), OFFICE_HOURS, always) == Payer.EMPLOYER
        assert payer_of(start(2026, 6, 1, 12), always, OFFICE_HOURS) == Payer.DRIVER

    @pytest.mark.parametrize(("month", "day", "hour"), [(3, 29, 3), (10, 25, 2)])
    def test_follows_the_wall_clock_in_both_nights_of_the_change(self, month, day, hour):
        rule = PayerRule(payer=Payer.DRIVER, begins=time(2), ends=time(4))

        assert payer_of(start(2026, month, day, hour, 30), rule, otherwise=Payer.EMPLOYER) == Payer.DRIVER


class TestItsWords:
    def test_say_who_pays_and_which_rule_says_so(self):
        verdict = decide_payer([OFFICE_HOURS], otherwise=Payer.DRIVER, beginning=start(2026, 6, 1, 12))

        assert payer_words(verdict.payer, verdict.origin, verdict.facts, language="en") == (
            "The employer pays – rule 1: Mon Tue Wed Thu Fri, 07:00–18:00, at Head office"
        )
        assert payer_words(verdict.payer, verdict.origin, verdict.facts, language="de") == (
            "Der Arbeitgeber zahlt – Regel 1: Mo Di Mi Do Fr, 07:00–18:00, an Head office"
        )

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("fr", "Le conducteur paie – règle 1 : sam. dim., avec la carte d’un visiteur"),
            ("nl", "De bestuurder betaalt – regel 1: za zo, met de kaart van een bezoeker"),
        ],
    )
    def test_say_so_in_each_language(self, language, words):
        rule = PayerRule(payer=Payer.DRIVER, weekdays=frozenset({6, 7}), card_kind=CardKind.VISITOR)
        beginning = start(2026, 6, 6, 12, card_kind=CardKind.VISITOR)

        verdict = decide_payer([rule], otherwise=Payer.EMPLOYER, beginning=beginning)

        assert payer_words(verdict.payer, verdict.origin, verdict.facts, language=language) == words

    def test_say_that_no_rule_applies_and_who_changed_it(self):
        assert payer_words(Payer.DRIVER, Origin.OTHERWISE, {}, language="en") == "The driver pays – no rule applies"
        assert payer_words(Payer.EMPLOYER, Origin.CORRECTED, {"reason": "Business trip"}, language="en") == (
            "The employer pays – corrected: Business trip"
        )
