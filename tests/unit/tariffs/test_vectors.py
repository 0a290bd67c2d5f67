"""Public test cases of tariffs: every ``tests/golden/vectors/*.json``, asserted by its status.

``agreed``, ``clarified`` and ``derived`` cases must come out as their source says; the total they print is the exact
one, rounded once. Where the text of OCPI leaves a choice, or a source is wrong, the choice or our own figure stands
below with the reason. A case, or a figure in one, that no test looks at fails ``TestEveryVector``.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from apps.core.domain.money import round_half_up
from apps.tariffs.domain.casefile_lines import price_line
from apps.tariffs.domain.casefiles import CaseError, PriceCase, read_case
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.domain.json_text import load_json
from apps.tariffs.domain.ladders import Tier, graduated_lines, percentage_lines, volume_lines
from apps.tariffs.domain.period import local_month, prorate, reversed_line, round_once, what_changes
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session

VECTORS = Path(__file__).parents[2] / "golden" / "vectors"
DOCUMENTS = {path.stem: load_json(path.read_bytes()) for path in sorted(VECTORS.glob("*.json"))}

AS_THE_SOURCE_SAYS = {"agreed", "clarified", "derived"}
CHOICES = {
    "issue_ocpi_502_open_ended_time": "a start_time alone reaches to 24:00, an end_time alone begins at 00:00",
    "issue_tandem_64_wrap_dow": "a day of the week is that of the instant, also behind midnight in a wrapped window",
    "parking_then_charging_step": "where parking was priced only parking is stepped, even if charging came last",
    "bill_idle_grace_once": "the grace before an idle fee is one for the session, not one for each stretch of idling",
    "bill_included_kwh_prorated_join": "days left with the day of joining, over the month's days, down to a whole Wh",
}
OUR_FIGURES = {
    # Upstream passes over min_price, which the specification's own example of this tariff applies.
    "tandem_025kwh_min_price__cdr2_less_than_2kWh": ("0.50", "0.55"),
    # The record's instants and volumes contradict each other; instants are priced and the mismatch is a warning:
    # 5 min × 1.20 + 2 min × 2.40 + parking of 5 min stepped to 15 × 1.00 = 0.10 + 0.08 + 0.25.
    "tandem_step_size__cdr1": ("0.43", "0.43"),
}
WRITTEN_OUT = {
    "0.30 + 60*0.44 + 491min*5.04/60": Decimal("0.30") + 60 * Decimal("0.44") + 491 * Decimal("5.04") / 60,
}
COSTS = {
    "total_energy_cost": "ENERGY",
    "total_fixed_cost": "FLAT",
    "total_parking_cost": "PARKING_TIME",
    "total_time_cost": "TIME",
}
DIMENSIONS_OF = {"fixed": "FLAT", "time": "TIME", "parking": "PARKING_TIME"}
NOT_ASSERTED = {
    "ev_server_total": "what another engine's own semantics charge",
    "cdr_claims": "what the station's owner booked, cut where it should round",
    "upstream": "what another engine warned of",
}

PRICED = [name for name, case in DOCUMENTS.items() if case["kind"] in ("price", "segmentation")]
BILLING = {name for name, case in DOCUMENTS.items() if "model" in case}


def expecting(*keys: str) -> list[str]:
    """Name the priced cases whose expectation has one of these keys."""
    return [name for name in PRICED if DOCUMENTS[name]["expected"].keys() & set(keys)]


def reviewed(name: str) -> bool:
    return DOCUMENTS[name]["status"] == "review"


def case_of(name: str) -> PriceCase:
    return read_case(DOCUMENTS[name])


def rated_of(case: PriceCase) -> RatedSession:
    assert case.facts is not None

    return rate_session(facts=case.facts, terms=case.terms, grant=GrantTerms(), tax_rates=case.tax_rates)


def parts_of(name: str, dimension: str) -> list[tuple[int, Decimal, Decimal]]:
    """Return quantity, net and gross amount of each part of a dimension; every vector prices net."""
    case = case_of(name)
    return [
        (part.quantity, part.amount, part.amount * (1 + case.tax_rates[part.tax_category]))
        for period in rated_of(case).periods
        for part in period.parts
        if part.dimension == dimension
    ]


def cents(amount: str | Decimal) -> Decimal:
    return round_half_up(Decimal(amount), currency="EUR")


def product_of(text: str) -> Fraction:
    """Return ``a*b/c`` exactly."""
    number, factor, divisor = text.replace("/", "*").split("*")
    return Fraction(number) * Fraction(factor) / Fraction(divisor)


class TestTotal:
    @pytest.mark.parametrize("name", [name for name in expecting("total_cost") if name not in OUR_FIGURES])
    def test_is_the_one_of_the_source(self, name):
        expected = DOCUMENTS[name]["expected"]["total_cost"]

        exact = price_line(case_of(name))["exact_cost"]

        assert {side: cents(exact[side]) for side in expected if expected[side] is not None} == {
            side: cents(amount) for side, amount in expected.items() if amount is not None
        }

    @pytest.mark.parametrize("name", OUR_FIGURES)
    def test_is_our_own_where_the_source_contradicts_itself(self, name):
        line = price_line(case_of(name))

        assert line["exact_cost"] == {
            "excl_vat": f"{Decimal(OUR_FIGURES[name][0]).normalize():f}",
            "incl_vat": f"{Decimal(OUR_FIGURES[name][1]).normalize():f}",
        }
        assert tuple(line["total_cost"].values()) == OUR_FIGURES[name]

    @pytest.mark.parametrize("name", expecting("ocpi_semantics_total_excl"))
    def test_is_the_one_of_ocpi_where_the_source_has_other_semantics(self, name):
        line = price_line(case_of(name))

        assert cents(line["exact_cost"]["excl_vat"]) == Decimal(
            DOCUMENTS[name]["expected"]["ocpi_semantics_total_excl"]
        )

    @pytest.mark.parametrize("name", expecting("exact"))
    def test_is_exact_before_it_is_rounded(self, name):
        expected = DOCUMENTS[name]["expected"]["exact"]["excl"]

        line = price_line(case_of(name))

        assert Decimal(line["exact_cost"]["excl_vat"]) == WRITTEN_OUT.get(expected, expected)

    def test_has_no_gross_where_the_tax_is_not_told(self):
        line = price_line(case_of("spec_19_north_american"))

        assert line["total_cost"] == {"excl_vat": "5.00", "incl_vat": None}
        assert line["exact_cost"] == {"excl_vat": "5", "incl_vat": None}

    def test_warns_of_volumes_that_contradict_the_instants(self):
        line = price_line(case_of("tandem_step_size__cdr1"))

        assert line["warnings"] == [
            "session.legs[1] claims TIME 0.0834 h, but tells 0.0333 h.",
            "session.legs[2] claims PARKING_TIME 0.0334 h, but tells 0.0833 h.",
        ]


class TestPeriods:
    @pytest.mark.parametrize(
        "name", [name for name in expecting("periods") if name.startswith("seg_") and not reviewed(name)]
    )
    def test_are_cut_where_the_source_cuts_them(self, name):
        periods = price_line(case_of(name))["periods"]

        assert [
            (period["start"], [(told["type"], Decimal(told["volume"])) for told in period["dimensions"]])
            for period in periods
        ] == [
            (period["start"], [(told["type"], told["volume"]) for told in period["dimensions"]])
            for period in DOCUMENTS[name]["expected"]["periods"]
        ]

    @pytest.mark.parametrize("name", [name for name in expecting("periods") if not name.startswith("seg_")])
    def test_hold_the_energy_of_their_share_of_the_time(self, name):
        periods = rated_of(case_of(name)).periods

        assert [period.energy_milliwh for period in periods] == [
            round(product_of(period["energy_kwh"]) * 1_000_000) for period in DOCUMENTS[name]["expected"]["periods"]
        ]

    @pytest.mark.parametrize("name", expecting("split_at"))
    def test_change_at_the_instant_found_by_interpolation(self, name):
        periods = price_line(case_of(name))["periods"]

        assert [period["start"] for period in periods[1:]] == [DOCUMENTS[name]["expected"]["split_at"]]


class TestQuantities:
    @pytest.mark.parametrize("name", expecting("billed", "billed_time_min", "billed_wh"))
    def test_are_rounded_up_to_their_step_once(self, name):
        expected = DOCUMENTS[name]["expected"]
        billed = dict(expected.get("billed", {}))
        if "billed_time_min" in expected:
            billed["time_min"] = expected["billed_time_min"]

        found = {f"{what}_min": self.total(name, DIMENSIONS_OF[what]) // 60_000 for what in ("time", "parking")}

        assert {name: found[name] for name in billed} == billed
        if "billed_wh" in expected:
            assert self.total(name, "ENERGY") == expected["billed_wh"] * 1_000

    @pytest.mark.parametrize("name", expecting("total_energy"))
    def test_of_energy_are_the_metered_ones(self, name):
        assert rated_of(case_of(name)).energy_milliwh == DOCUMENTS[name]["expected"]["total_energy"] * 1_000_000

    @pytest.mark.parametrize("name", expecting("total_time"))
    def test_of_time_last_from_start_to_end(self, name):
        facts = case_of(name).facts

        hours = Decimal(facts.ended_at_ms - facts.started_at_ms) / 3_600_000

        assert round(hours, 4) == DOCUMENTS[name]["expected"]["total_time"]

    @pytest.mark.parametrize("name", [name for name in expecting("total_parking_time") if name not in OUR_FIGURES])
    def test_of_parking_are_the_idle_ones(self, name):
        idle_ms = rated_of(case_of(name)).idle_ms

        assert Decimal(idle_ms) / 3_600_000 == DOCUMENTS[name]["expected"]["total_parking_time"]

    def total(self, name, dimension):
        return sum(quantity for quantity, _, _ in parts_of(name, dimension))


class TestCostOfADimension:
    @pytest.mark.parametrize(
        ("name", "key"),
        [
            (name, key)
            for key in COSTS
            for name in expecting(key)
            # The contradictory record's two time costs follow from the volumes that its instants deny.
            if name != "tandem_step_size__cdr1"
        ],
    )
    def test_is_the_one_of_the_source(self, name, key):
        parts = parts_of(name, COSTS[key])

        assert {
            "excl_vat": round(sum(net for _, net, _ in parts), 4),
            "incl_vat": round(sum(gross for _, _, gross in parts), 4),
        } == DOCUMENTS[name]["expected"][key]

    @pytest.mark.parametrize("name", expecting("by_dim"))
    def test_is_the_one_of_the_worked_example(self, name):
        by_dim = DOCUMENTS[name]["expected"]["by_dim"]

        parts = {what: parts_of(name, DIMENSIONS_OF[what]) for what in by_dim}

        assert {
            what: [sum(net for _, net, _ in found), sum(gross for _, _, gross in found)]
            for what, found in parts.items()
        } == by_dim


class TestWhatIsNotPriced:
    @pytest.mark.parametrize("name", [name for name in PRICED if reviewed(name)])
    def test_goes_to_review_with_a_sentence(self, name):
        line = price_line(case_of(name))

        assert line["review"] == [
            "The register falls from 101.000 kWh (2026-02-22 15:10:00 UTC) to 100.500 kWh (2026-02-22 15:20:00 UTC)."
        ]
        assert (line["total_cost"], line["exact_cost"], line["periods"]) == (None, None, [])

    def test_is_refused_by_the_path_of_each_unknown_field(self):
        expected = DOCUMENTS["lint_misspelled_day_of_week"]["expected"]

        with pytest.raises(CaseError) as caught:
            case_of("lint_misspelled_day_of_week")

        assert expected["unexpected_fields"] == ["$.elements.*.restrictions.dayOfWeek"]
        assert "$.currency" in expected["warnings"]
        assert [str(problem) for problem in caught.value.problems] == [
            "currency: 'gbp' is no ISO 4217 currency code",
            "elements[0].restrictions.dayOfWeek: unknown field",
            "elements[1].restrictions.dayOfWeek: unknown field",
            "session: required",
        ]

    @pytest.mark.parametrize("name", sorted(BILLING))
    def test_a_billing_case_has_no_session(self, name):
        with pytest.raises(CaseError, match="a billing case has no session to price"):
            case_of(name)


class TestBilling:
    """Cases of a period: a model and figures."""

    def figures(self, name):
        return DOCUMENTS[name]["model"], DOCUMENTS[name]["cases"]

    def test_bill_idle_grace_once(self):
        model, cases = self.figures("bill_idle_grace_once")
        for expected in cases:
            rated = rated_of(read_case(idle_case(model, expected["segments"])))

            idle = [part for period in rated.periods for part in period.parts if part.dimension == "PARKING_TIME"]
            assert sum(part.quantity for part in idle) == expected["billable_min"] * 60_000
            assert rated.idle_amount == Decimal(expected["amount"])
            assert rated.gross == Decimal(expected["amount"])

    def test_bill_included_kwh_prorated_join(self):
        model, [expected] = self.figures("bill_included_kwh_prorated_join")
        start, joined = day(f"{model['period']}-01"), day(model["join"])

        milliwh = prorate(
            included_milliwh=model["included_kwh"] * 1_000_000,
            period_start=start,
            period_end=start + timedelta(days=expected["of"]),
            joined=joined,
        )

        assert (start + timedelta(days=expected["of"]) - joined).days == expected["days"]
        assert milliwh == Decimal(expected["included_kwh"]) * 1_000_000

    def test_bill_killbill_dst_usage_month(self):
        model, cases = self.figures("bill_killbill_dst_usage_month")
        for expected in cases:
            months = [
                local_month(ms_of(moment), time_zone=model["timezone"]).isoformat()[:7]
                for moment in expected["usage_at"]
            ]

            assert months == [expected["invoice"]] * expected["units"]

    def test_bill_lago_graduated(self):
        model, cases = self.figures("bill_lago_graduated")
        for expected in cases:
            lines = graduated_lines(
                units=Decimal(expected["units"]), tiers=tiers_of(model), unit="units", tax_category="standard"
            )

            assert sum(line.amount for line in lines) == Decimal(expected["amount"])

    def test_bill_lago_percentage(self):
        _, [with_free, plain] = self.figures("bill_lago_percentage")
        # The source lists running totals 50, 150, 400 of the events that might be free, then 800 in all.
        amounts = [Decimal(amount) for amount in (50, 100, 250, 400)]

        lines = percentage_lines(
            amounts=amounts,
            rate=Decimal(with_free["rate"]) / 100,
            fixed=Decimal(with_free["fixed"]),
            free_events=with_free["free_events"],
            free_amount=Decimal(with_free["free_units"]),
            currency="EUR",
            tax_category="standard",
        )
        plain_lines = percentage_lines(
            amounts=[Decimal(plain["units"])],
            rate=Decimal(plain["rate"]) / 100,
            currency="EUR",
            tax_category="standard",
        )

        assert len(amounts) == with_free["events"]
        assert sum(amounts) == Decimal(with_free["units"])
        assert [line.words for line in lines] == ["550 EUR × 1.3 %", "2 × 2.0 EUR"]
        assert sum(line.amount for line in lines) == Decimal(with_free["amount"])
        assert sum(line.amount for line in plain_lines) == Decimal(plain["amount"])

    def test_bill_lago_wallet_rounding(self):
        _, [expected] = self.figures("bill_lago_wallet_rounding")
        gross = Decimal(expected["net"]) * (1 + Decimal(expected["vat"]) / 100)

        debit = round_once(amount=gross, balance=Decimal(expected["wallet_before"]), currency="EUR")

        assert (debit.paid, debit.owed, debit.balance) == (
            Decimal(expected["invoice_prepaid_credit"]),
            Decimal(expected["invoice_total"]),
            Decimal(expected["wallet_after"]),
        )

    def test_bill_openmeter_repricing_delta(self):
        model, [expected] = self.figures("bill_openmeter_repricing_delta")
        billed, due = (
            volume_lines(units=Decimal(units), tiers=tiers_of(model), unit="units", tax_category="standard")
            for units in (expected["billed_units"], expected["late_total_units"])
        )

        gone, new = what_changes(billed=[(line, line) for line in billed], due=[(line, None) for line in due])
        delta = [*map(reversed_line, gone), *(line for line, _ in new)]

        assert sum(line.amount for line in billed) == Decimal(expected["billed_amount"])
        assert [{"units": line.quantity, "unit": line.price, "amount": line.amount} for line in delta] == [
            {name: Decimal(number) for name, number in line.items()} for line in expected["delta_lines"]
        ]
        assert sum(line.amount for line in delta) == Decimal(expected["net"])


class TestEveryVector:
    def test_is_there(self):
        assert len(DOCUMENTS) == 62

    def test_is_named_as_its_file_and_tells_its_source(self):
        assert all(case["id"] == name and case["source"] for name, case in DOCUMENTS.items())

    def test_has_a_status_that_somebody_looks_at(self):
        unseen = {
            name: case["status"]
            for name, case in DOCUMENTS.items()
            if not (
                case["status"] in AS_THE_SOURCE_SAYS
                or name in CHOICES
                or name in OUR_FIGURES
                or case["status"] == "review"
                or "ocpi_semantics_total_excl" in case["expected"]
            )
        }

        assert unseen == {}

    def test_of_a_session_has_only_figures_that_are_asserted(self):
        asserted = {"total_cost", "exact", "periods", "split_at", "ocpi_semantics_total_excl", "by_dim", *COSTS}
        asserted |= {"billed", "billed_time_min", "billed_wh", "total_energy", "total_time", "total_parking_time"}

        assert {
            key for name in PRICED for key in DOCUMENTS[name]["expected"] if key not in asserted | NOT_ASSERTED.keys()
        } == set()

    def test_is_a_session_a_billing_case_with_a_test_or_the_one_to_refuse(self):
        tested = {name.removeprefix("test_") for name in dir(TestBilling) if name.startswith("test_")}

        assert tested == BILLING
        assert DOCUMENTS.keys() - BILLING - set(PRICED) == {"lint_misspelled_day_of_week"}

    def test_is_written_without_a_float_once_priced(self):
        lines = [price_line(case_of(name)) for name in PRICED]

        assert not [number for line in lines for number in floats_in(line)]
        assert json.loads(json.dumps(lines)) == lines


def floats_in(value):
    if isinstance(value, dict):
        return [number for inner in value.values() for number in floats_in(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in floats_in(inner)]
    return [value] if isinstance(value, float) else []


def day(text):
    return datetime.fromisoformat(text).date()


def ms_of(text):
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def tiers_of(model):
    return [
        Tier(
            up_to=None if tier["to"] is None else Decimal(tier["to"]),
            unit_price=Decimal(tier["unit"]),
            flat=Decimal(tier.get("flat", 0)),
        )
        for tier in model["tiers"]
    ]


def idle_case(model, segments):
    """Return a case that charges for idling as the model says, an energy of 1 kWh a charging segment."""
    moment = datetime(2025, 3, 3, 8, tzinfo=UTC)
    legs = []
    for what, minutes in segments:
        until = moment + timedelta(minutes=minutes)
        charging = what == "charging"
        legs.append(
            {
                "start": moment.isoformat(),
                "end": until.isoformat(),
                "energy_kwh": int(charging),
                "state": "charging" if charging else "parking",
            }
        )
        moment = until
    price = Decimal(model["per_minute"]) * 60
    return {
        "id": "idle",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "tariff": {
            "idle": {"max_amount": model["cap"]},
            "elements": [
                {
                    "price_components": [{"type": "PARKING_TIME", "price": price}],
                    "restrictions": {"min_idle_time": model["grace_min"] * 60},
                }
            ],
        },
        "session": {"start": legs[0]["start"], "end": legs[-1]["end"], "legs": legs},
    }
