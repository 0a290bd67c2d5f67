"""Price cases: what of a file is read, what is refused by path, and what goes to review."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.casefile_lines import price_line
from apps.tariffs.domain.casefiles import CaseError, id_of, read_case
from apps.tariffs.domain.facts import Measured, Reading, StateChange, VehicleState
from apps.tariffs.domain.terms import PriceLimit, ZeroEnergyPolicy

CASE = {
    "id": "one",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "tariff": {
        "id": "T",
        "elements": [{"price_components": [{"type": "ENERGY", "price": Decimal("0.5"), "vat": Decimal("20.0")}]}],
    },
    "session": {
        "start": "2025-01-15T10:00:00Z",
        "end": "2025-01-15T11:00:00Z",
        "legs": [
            {
                "start": "2025-01-15T10:00:00Z",
                "end": "2025-01-15T11:00:00Z",
                "energy_kwh": 10,
                "state": "charging",
            }
        ],
    },
}


def changed(**at_path):
    """Return the case with some values replaced, ``session__legs__0__state="parking"``; None takes a field out."""
    case = deepcopy(CASE)
    for path, value in at_path.items():
        *way, name = path.split("__")
        holder = case
        for step in way:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if value is None:
            del holder[name]
        else:
            holder[name] = value
    return case


def leg(start, end, kwh, state="charging", **more):
    return {
        "start": f"2025-01-15T{start}:00Z",
        "end": f"2025-01-15T{end}:00Z",
        "energy_kwh": kwh,
        "state": state,
        **more,
    }


def ms(clock):
    return int(datetime.fromisoformat(f"2025-01-15T{clock}:00").replace(tzinfo=UTC).timestamp()) * 1000


def problems_of(case):
    with pytest.raises(CaseError) as caught:
        read_case(case)
    return [str(problem) for problem in caught.value.problems]


class TestTariffOfACase:
    def test_is_priced_by_the_letter_in_categories_of_its_percentages(self):
        elements = [
            {
                "price_components": [
                    {"type": "ENERGY", "price": 1, "vat": Decimal("5.20")},
                    {"type": "FLAT", "price": 1},
                ]
            },
            {"id": "night", "price_components": [{"type": "TIME", "price": 1, "vat": 0}]},
        ]

        case = read_case(changed(tariff__elements=elements))

        assert case.terms.zero_energy is ZeroEnergyPolicy.FULL
        assert case.terms.tax_included is False
        assert case.tax_rates == {"vat 5.2": Decimal("0.052"), "no vat": 0, "vat 0": 0}
        assert [
            component.tax_category for element in case.terms.elements for component in element.price_components
        ] == ["vat 5.2", "no vat", "vat 0"]

    def test_may_have_its_whole_envelope(self):
        envelope = {
            "country_code": "NL",
            "party_id": "ABC",
            "type": "REGULAR",
            "tariff_alt_text": [{"language": "en", "text": "Cheap"}],
            "tariff_alt_url": "https://example.com/t",
            "start_date_time": "2025-01-01T00:00:00Z",
            "end_date_time": "2025-06-01T00:00:00Z",
            "energy_mix": {"is_green_energy": True},
            "preauthorize_amount": 50,
            "last_updated": "2025-01-01T00:00:00Z",
        }

        case = read_case(changed(tariff={**CASE["tariff"], **envelope}))

        assert case.terms == read_case(CASE).terms

    def test_may_end_its_day_at_24_00_and_write_nulls_for_what_is_absent(self):
        case = read_case(
            changed(
                tariff__min_price=0,
                tariff__elements__0__restrictions={
                    "start_time": "20:00",
                    "end_time": "24:00",
                    "day_of_week": None,
                    "max_duration": Decimal("1800.0"),
                },
            )
        )

        restrictions = case.terms.elements[0].restrictions
        assert f"{restrictions.end_time:%H:%M}" == "00:00"
        assert (restrictions.day_of_week, restrictions.max_duration) == ((), 1800)

    @pytest.mark.parametrize(
        ("written", "tax_included", "limit"),
        [
            (
                {"excl_vat": 1, "incl_vat": Decimal("1.2")},
                None,
                PriceLimit(excl_vat=Decimal(1), incl_vat=Decimal("1.2")),
            ),
            ({"before_taxes": 1}, "NO", PriceLimit(excl_vat=Decimal(1))),
            ({"after_taxes": 1}, "YES", PriceLimit(incl_vat=Decimal(1))),
            (Decimal("0.5"), None, PriceLimit(excl_vat=Decimal("0.5"))),
            (Decimal("0.5"), "YES", PriceLimit(incl_vat=Decimal("0.5"))),
        ],
    )
    def test_may_state_a_minimum_in_the_words_of_each_version(self, written, tax_included, limit):
        extra = {} if tax_included is None else {"tax_included": tax_included}

        case = read_case(changed(tariff={**CASE["tariff"], **extra, "min_price": written}))

        assert case.terms.min_price == limit

    @pytest.mark.parametrize(
        ("tax_included", "vat", "sides"),
        [
            (None, None, (True, True)),
            (None, 20, (True, True)),
            ("NO", None, (True, False)),
            ("NO", 20, (True, True)),
            ("NO", 0, (True, True)),
            ("YES", None, (False, True)),
            ("YES", 20, (True, True)),
            ("N/A", None, (True, True)),
        ],
    )
    def test_tells_a_side_only_if_it_can_be_worked_out(self, tax_included, vat, sides):
        component = {"type": "FLAT", "price": 6, **({} if vat is None else {"vat": vat})}
        extra = {} if tax_included is None else {"tax_included": tax_included}

        case = read_case(changed(tariff={"elements": [{"price_components": [component]}], **extra}))

        assert (case.has_net, case.has_gross) == sides
        cost = price_line(case)["total_cost"]
        assert [amount is not None for amount in cost.values()] == list(sides)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (
                {"tariff__elements__0__restrictions": {"dayOfWeek": []}},
                "elements[0].restrictions.dayOfWeek: unknown field",
            ),
            ({"tariff__elements__0__colour": "red"}, "elements[0].colour: unknown field"),
            ({"tariff__surcharge": 1}, "surcharge: unknown field"),
            ({"currency": "gbp"}, "currency: 'gbp' is no ISO 4217 currency code"),
            ({"tariff__currency": "USD"}, "currency: the case says 'EUR', the tariff 'USD'"),
            ({"tariff__elements": []}, "elements: must not be empty"),
            ({"tariff__elements": None}, "elements: required"),
            ({"tariff": None}, "tariff: required"),
            ({"tariff": 3}, "tariff: must be an object"),
            (
                {"tariff__max_price": {"excl_vat": 5, "before_taxes": 6}},
                "max_price.before_taxes: excl_vat already states this side",
            ),
            ({"tariff__tax_included": "MAYBE"}, "tax_included: 'MAYBE' is none of YES, NO, N/A"),
            ({"tariff__zero_energy": "free"}, "zero_energy: has no effect here: a case is priced by OCPI's letter"),
            (
                {"tariff__elements__0__price_components__0__vat": 101},
                "elements[0].price_components[0].vat: 101 is above 100 %",
            ),
            (
                {"tariff__elements__0__price_components__0__vat": -1},
                "elements[0].price_components[0].vat: -1 is negative",
            ),
            (
                {"tariff__elements__0__price_components__0__tax_category": "standard"},
                "elements[0].price_components[0].tax_category: unknown field",
            ),
            (
                {"tariff__elements__0__price_components__0__step_size": -1},
                "elements[0].price_components[0].step_size: must be 0 to 1000000000",
            ),
            (
                {"tariff__elements__0__price_components__0__price": None},
                "elements[0].price_components[0].price: required",
            ),
            (
                {"tariff__elements__0__restrictions": {"start_time": "24:00"}},
                "elements[0].restrictions.start_time: '24:00' is no time of day HH:MM; the end of the day is 00:00",
            ),
        ],
    )
    def test_is_refused_by_path(self, change, problem):
        assert problems_of(changed(**change)) == [problem]


class TestLegs:
    def test_become_a_register_states_and_levels(self):
        legs = [
            leg("10:40", "11:00", 2, "parking", current_a=16),
            leg("10:00", "10:15", Decimal("1.5"), power_kw=7, current_a=Decimal("31.9999")),
            leg("10:15", "10:30", 1, power_kw=11, untimed=True),
        ]

        facts = read_case(changed(session__legs=legs)).facts

        assert facts.register == (
            Reading(at_ms=ms("10:00"), energy_milliwh=0),
            Reading(at_ms=ms("10:15"), energy_milliwh=1_500_000),
            Reading(at_ms=ms("10:30"), energy_milliwh=2_500_000),
            Reading(at_ms=ms("10:40"), energy_milliwh=2_500_000),
            Reading(at_ms=ms("11:00"), energy_milliwh=4_500_000),
        )
        assert facts.states == (
            StateChange(at_ms=ms("10:00"), state=VehicleState.CHARGING),
            StateChange(at_ms=ms("10:15"), state=VehicleState.HELD_BACK),
            StateChange(at_ms=ms("10:30"), state=VehicleState.UNKNOWN),
            StateChange(at_ms=ms("10:40"), state=VehicleState.IDLE),
            StateChange(at_ms=ms("11:00"), state=VehicleState.UNKNOWN),
        )
        assert facts.powers == (
            Measured(at_ms=ms("10:00"), value=7_000_000),
            Measured(at_ms=ms("10:15"), value=11_000_000),
            Measured(at_ms=ms("10:30"), value=None),
            Measured(at_ms=ms("10:40"), value=None),
            Measured(at_ms=ms("11:00"), value=None),
        )
        assert [level.value for level in facts.currents] == [31_999, None, None, 16_000, None]

    def test_keep_the_sum_of_energies_finer_than_a_milliwatt_hour(self):
        third = Decimal("3.33333333333333")
        legs = [leg("10:00", "10:20", third), leg("10:20", "10:40", third), leg("10:40", "11:00", third)]

        facts = read_case(changed(session__legs=legs)).facts

        assert [reading.energy_milliwh for reading in facts.register] == [0, 3_333_333, 6_666_667, 10_000_000]

    def test_beyond_the_session_warn_and_do_not_fail(self):
        case = read_case(changed(session__legs=[leg("09:50", "10:30", 4)]))

        assert case.warnings == (
            "The evidence reaches beyond the session: its energy counts, its time outside does not.",
        )
        assert price_line(case)["total_cost"] == {"excl_vat": "2.00", "incl_vat": "2.40"}

    @pytest.mark.parametrize(
        ("legs", "sentence"),
        [
            (
                [leg("10:00", "10:30", -1)],
                "session.legs[0] tells -1 kWh: a register of imported energy never falls.",
            ),
            ([leg("10:00", "10:00", 1)], "session.legs[0] tells 1 kWh within no time."),
        ],
    )
    def test_that_no_meter_counted_go_to_review_without_a_price(self, legs, sentence):
        line = price_line(read_case(changed(session__legs=legs)))

        assert line["review"] == [sentence]
        assert (line["total_cost"], line["exact_cost"], line["periods"]) == (None, None, [])

    @pytest.mark.parametrize(
        ("legs", "problem"),
        [
            (
                [leg("10:00", "10:30", 1), leg("10:20", "11:00", 1)],
                "session.legs[1]: starts before session.legs[0] ends",
            ),
            ([leg("10:30", "10:00", 1)], "session.legs[0].end: before start"),
            ([leg("10:00", "10:30", "1")], "session.legs[0].energy_kwh: must be a number"),
            ([leg("10:00", "10:30", True)], "session.legs[0].energy_kwh: must be a number"),
            ([leg("10:00", "10:30", None)], "session.legs[0].energy_kwh: required"),
            (
                [leg("10:00", "10:30", Decimal("1e9"))],
                "session.legs[0].energy_kwh: must be below 1000000000, with at most 40 decimals",
            ),
            (
                [leg("10:00", "10:30", Decimal("1e-999999"))],
                "session.legs[0].energy_kwh: must be below 1000000000, with at most 40 decimals",
            ),
            (
                [leg("10:00", "10:30", Decimal("1e999999999"))],
                "session.legs[0].energy_kwh: must be below 1000000000, with at most 40 decimals",
            ),
            ([leg("10:00", "10:30", 1, "idle")], "session.legs[0].state: 'idle' is none of charging, parking"),
            ([leg("10:00", "10:30", 1, soc=80)], "session.legs[0].soc: unknown field"),
            ([leg("10:00", "24:30", 1)], "session.legs[0].end: '2025-01-15T24:30:00Z' is no instant"),
            (["x"], "session.legs[0]: must be an object"),
        ],
    )
    def test_that_contradict_themselves_are_refused_by_path(self, legs, problem):
        assert problems_of(changed(session__legs=legs))[0].startswith(problem)


class TestSamples:
    SESSION = {"start_utc": "2025-01-15T10:00:00Z", "end_utc": "2025-01-15T11:00:00Z"}

    def samples(self, *samples, name="meter_samples", of="total_kwh"):
        return {name: [{"at": f"2025-01-15T{at}:00Z", of: value} for at, value in samples]}

    def test_tell_the_state_by_whether_the_register_rises(self):
        meter = self.samples(("10:40", 102), ("10:00", 100), ("10:20", 102), ("10:20", 102))
        power = self.samples(("10:00", Decimal("7.4")), name="power_samples", of="power_kw")

        facts = read_case(changed(session={**self.SESSION, **meter, **power})).facts

        assert [reading.energy_milliwh for reading in facts.register] == [100_000_000, 102_000_000, 102_000_000]
        assert facts.states == (
            StateChange(at_ms=ms("10:00"), state=VehicleState.CHARGING),
            StateChange(at_ms=ms("10:20"), state=VehicleState.IDLE),
            StateChange(at_ms=ms("10:40"), state=VehicleState.UNKNOWN),
        )
        assert facts.powers == (Measured(at_ms=ms("10:00"), value=7_400_000),)

    @pytest.mark.parametrize(
        ("samples", "sentence"),
        [
            ([("10:00", 5), ("10:30", 4)], "The end reading 4.000 kWh is below the begin reading 5.000 kWh."),
            (
                [("10:00", 5), ("10:30", 6), ("10:30", 7)],
                "Two values for one instant, 2025-01-15 10:30:00 UTC: 6.000 kWh and 7.000 kWh.",
            ),
            (
                [("10:00", 5), ("10:01", 500)],
                "The register rises by 495.000 kWh between 2025-01-15 10:00:00 UTC and 2025-01-15 10:01:00 UTC, "
                "more than a connector of 1000 kW can deliver.",
            ),
        ],
    )
    def test_that_do_not_make_a_register_go_to_review(self, samples, sentence):
        case = read_case(changed(session={**self.SESSION, **self.samples(*samples)}))

        assert (case.facts, case.review) == (None, (sentence,))

    def test_are_required_where_there_are_no_legs(self):
        assert problems_of(changed(session=self.SESSION)) == ["session.meter_samples: required where there are no legs"]

    def test_do_not_stand_beside_legs(self):
        session = {**CASE["session"], **self.samples(("10:00", 1))}

        assert problems_of(changed(session=session)) == ["session.meter_samples: legs already tell the session"]


class TestReservation:
    RESERVATION = {"start": "2025-01-15T09:30:00Z", "end": "2025-01-15T10:00:00Z", "expired": False}

    def test_that_expired_is_all_there_is(self):
        case = read_case(changed(session={"reservation": {**self.RESERVATION, "expired": True}}))

        assert case.facts.started_at_ms == case.facts.ended_at_ms == ms("10:00")
        assert (case.facts.register, case.facts.reservation.expired) == ((), True)

    def test_tells_its_own_volume(self):
        case = changed(session__reservation=self.RESERVATION)
        case["tariff"]["elements"].append(
            {
                "price_components": [{"type": "TIME", "price": 4}],
                "restrictions": {"reservation": "RESERVATION"},
            }
        )

        line = price_line(read_case(case))

        assert line["exact_cost"] == {"excl_vat": "7", "incl_vat": "8"}
        assert [period["dimensions"] for period in line["periods"]] == [
            [{"type": "RESERVATION_TIME", "volume": "0.5"}],
            [{"type": "ENERGY", "volume": "10"}, {"type": "TIME", "volume": "1"}],
        ]

    @pytest.mark.parametrize(
        ("session", "problem"),
        [
            (
                {"reservation": {**RESERVATION, "expired": True}, "start": "2025-01-15T10:00:00Z"},
                "session.start: nobody came: an expired reservation has no session",
            ),
            ({"reservation": RESERVATION}, "session.start: required"),
            ({"reservation": {**RESERVATION, "expired": "no"}}, "session.reservation.expired: must be true or false"),
            (
                {**CASE["session"], "reservation": {**RESERVATION, "end": "2025-01-15T10:10:00Z"}},
                "session.reservation.end: after the session's start: a minute is reserved or used, not both",
            ),
        ],
    )
    def test_that_contradicts_itself_is_refused(self, session, problem):
        assert problem in problems_of(changed(session=session))


class TestCase:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"timezone": "Europe/Atlantis"}, "timezone: 'Europe/Atlantis' is no IANA time zone"),
            ({"timezone": None}, "timezone: required"),
            ({"id": None}, "id: required"),
            ({"min_price": 3}, "min_price: unknown field"),
            ({"session": None}, "session: required"),
            ({"session": 3}, "session: must be an object"),
            ({"session__end": "2025-01-15T09:00:00Z"}, "session.end: before start"),
            ({"session__end": "2027-01-15T09:00:00Z"}, "session.end: more than a year after the start"),
            ({"session__kwh": 3}, "session.kwh: unknown field"),
        ],
    )
    def test_is_refused_by_path(self, change, problem):
        assert problem in problems_of(changed(**change))

    def test_tells_all_its_problems_at_once(self):
        case = changed(timezone="x", session__legs__0__state="y", tariff__elements__0__z=1)

        assert problems_of(case) == [
            "timezone: 'x' is no IANA time zone",
            "elements[0].z: unknown field",
            "session.legs[0].state: 'y' is none of charging, parking",
        ]

    @pytest.mark.parametrize("document", [None, 3, "x", [], {}])
    def test_is_an_object(self, document):
        assert problems_of(document)

    def test_without_an_offset_is_in_utc(self):
        case = changed(session__start="2025-01-15T10:00:00", session__end="2025-01-15T12:00:00+01:00")

        facts = read_case(case).facts

        assert (facts.started_at_ms, facts.ended_at_ms) == (ms("10:00"), ms("11:00"))

    def test_may_have_an_instant_finer_than_a_second(self):
        line = price_line(read_case(changed(session__end="2025-01-15T11:00:00.250Z")))

        assert line["periods"][-1]["end"] == "2025-01-15T11:00:00.250Z"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["id", "tariff", "session", "elements", "legs", "start", "vat"]), inner
                )
            ),
            max_leaves=12,
        )
    )
    def test_of_any_shape_is_refused_in_words_and_never_crashes(self, document):
        with pytest.raises(CaseError):
            read_case(document)


class TestId:
    def test_is_told_where_there_is_one(self):
        assert [id_of(document) for document in ({"id": "a"}, {"id": 3}, [], None)] == ["a", None, None, None]
