"""A session's net is parted between platform and owner: worked by hand, and by laws."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounting.domain.shares import (
    BilledLine,
    Share,
    ShareRule,
    minimum_top_up,
    reversal_amount,
    session_fee,
    share_session,
    taken_back,
)

KWH = 1_000_000
NOTHING = Share(net=Decimal(0), fee=Decimal(0))
RULE = ShareRule(percent=Decimal(10), per_kwh=Decimal("0.02"), per_session=Decimal("0.25"))
cents = st.integers(0, 10**7).map(lambda number: Decimal(number).scaleb(-2))
rules = st.builds(
    ShareRule,
    percent=st.decimals(0, 100, places=6),
    per_kwh=st.decimals(0, 5, places=6),
    per_session=st.decimals(0, 5, places=6),
    minimum_per_month=cents,
)
lines = st.builds(BilledLine, net=cents, energy_milliwh=st.integers(0, 500 * KWH))


def line(net: str, kwh: int = 0) -> BilledLine:
    return BilledLine(net=Decimal(net), energy_milliwh=kwh * KWH)


class TestSessionFee:
    @pytest.mark.parametrize(
        ("rule", "net", "kwh", "fee"),
        [
            # 0.10 × 8.40 + 0.02 × 20 + 0.25 = 0.84 + 0.40 + 0.25
            (RULE, "8.40", 20, "1.49"),
            # 0.05 × 8.50 = 0.425, half up
            (ShareRule(percent=Decimal(5)), "8.50", 0, "0.43"),
            # 0.015 × 1 kWh = 0.015, half up
            (ShareRule(per_kwh=Decimal("0.015")), "8.40", 1, "0.02"),
            # never more than the net, so that the owner never pays for a session
            (ShareRule(per_session=Decimal("0.35")), "0.10", 1, "0.10"),
            (RULE, "0.00", 20, "0.00"),
            (ShareRule(), "8.40", 20, "0.00"),
            (ShareRule(percent=Decimal(100)), "8.40", 20, "8.40"),
        ],
    )
    def test_is_rounded_once_and_at_most_the_net(self, rule, net, kwh, fee):
        assert session_fee(rule, net=Decimal(net), energy_milliwh=kwh * KWH, currency="EUR") == Decimal(fee)

    def test_is_rounded_to_the_currency(self):
        rule = ShareRule(percent=Decimal(10))

        assert session_fee(rule, net=Decimal(1005), energy_milliwh=0, currency="JPY") == Decimal(101)

    def test_is_not_computed_for_what_is_taken_back(self):
        with pytest.raises(ValueError, match="not negative"):
            session_fee(RULE, net=Decimal("-1.00"), energy_milliwh=0, currency="EUR")


class TestShareRule:
    @pytest.mark.parametrize(
        "parts", [{"percent": Decimal(101)}, {"percent": Decimal(-1)}, {"per_kwh": Decimal("-0.01")}]
    )
    def test_refuses_what_is_no_fee(self, parts):
        with pytest.raises(ValueError, match=r"between|negative"):
            ShareRule(**parts)


class TestShareSession:
    def test_charges_a_session_of_two_vat_categories_once(self):
        # fee 0.10 × 10.00 + 0.02 × 20 + 0.25 = 1.65, allotted 7 : 3 → 1.155 and 0.495; the earlier gets the cent
        shares = share_session(RULE, [line("7.00", 20), line("3.00")], currency="EUR")

        assert shares == (
            Share(net=Decimal("7.00"), fee=Decimal("1.16")),
            Share(net=Decimal("3.00"), fee=Decimal("0.49")),
        )

    @given(rules, st.lists(lines, min_size=1, max_size=4))
    def test_parts_the_net_without_rest_and_nobody_gets_less_than_nothing(self, rule, billed):
        shares = share_session(rule, billed, currency="EUR")

        assert sum(part.fee + part.share for part in shares) == sum(each.net for each in billed)
        assert all(part.fee >= 0 and part.share >= 0 for part in shares)


class TestTakenBack:
    @pytest.mark.parametrize(
        ("net", "fee"),
        [
            ("-8.40", "-1.24"),
            # 1.24 × 2.10 ÷ 8.40 = 0.31
            ("-2.10", "-0.31"),
            # 1.24 × 1.00 ÷ 8.40 = 0.1476
            ("-1.00", "-0.15"),
        ],
    )
    def test_takes_as_much_of_the_fee_as_of_the_net(self, net, fee):
        given_ = Share(net=Decimal("8.40"), fee=Decimal("1.24"))

        assert taken_back(given_, before=NOTHING, net=Decimal(net), currency="EUR") == Share(
            net=Decimal(net), fee=Decimal(fee)
        )

    @given(rules, st.lists(st.integers(0, 100_000), min_size=1, max_size=5), st.integers(0, 500 * KWH))
    def test_in_parts_leaves_nothing_of_the_whole(self, rule, cuts, energy):
        (given_,) = share_session(
            rule, [BilledLine(net=Decimal(sum(cuts)).scaleb(-2), energy_milliwh=energy)], currency="EUR"
        )
        before = NOTHING
        for cut in cuts:
            part = taken_back(given_, before=before, net=-Decimal(cut).scaleb(-2), currency="EUR")
            assert part.fee <= 0
            before += part

        assert given_ + before == NOTHING


class TestMinimum:
    @pytest.mark.parametrize(
        ("fees", "top_up"),
        [
            # 29.00 − 4.00 = 25.00 is less than the shares, 36.00
            ([("20.00", "2.00"), ("20.00", "2.00")], "25.00"),
            # what is lacking is more than the owner has: all of it, and no more
            ([("10.00", "1.00")], "9.00"),
            ([("400.00", "40.00")], "0.00"),
            ([], "0.00"),
            # a month in which more was taken back than given
            ([("-10.00", "-1.00")], "0.00"),
        ],
    )
    def test_tops_the_fees_up_as_far_as_the_shares_reach(self, fees, top_up):
        rule = ShareRule(percent=Decimal(10), minimum_per_month=Decimal("29.00"))
        shares = [Share(net=Decimal(net), fee=Decimal(fee)) for net, fee in fees]

        assert minimum_top_up(rule, shares, currency="EUR") == Decimal(top_up)


class TestReversal:
    def test_fetches_back_all_of_a_transfer_when_all_was_refunded(self):
        amount = reversal_amount(
            transferred=Decimal("8.23"),
            reversed_before=Decimal(0),
            refunded=Decimal("10.00"),
            received=Decimal("10.00"),
            currency="EUR",
        )

        assert amount == Decimal("8.23")

    @given(st.lists(st.integers(1, 100_000), min_size=1, max_size=6), st.integers(1, 100_000))
    def test_parts_add_up_to_the_transfer_whatever_their_number(self, parts, transferred):
        received, total = sum(parts), Decimal(min(transferred, sum(parts))).scaleb(-2)
        refunded, back = 0, Decimal(0)
        for part in parts:
            refunded += part
            more = reversal_amount(
                transferred=total,
                reversed_before=back,
                refunded=Decimal(refunded).scaleb(-2),
                received=Decimal(received).scaleb(-2),
                currency="EUR",
            )
            assert more >= 0
            back += more

        assert back == total
