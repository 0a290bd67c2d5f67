"""Every line between a price and the total is told, in the reader's language."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.sessions import services
from apps.sessions.explanation import explain_cdr
from apps.sessions.models import Cdr
from apps.tariffs.domain.terms import Dimension
from tests.factories import NOON, make_grant, make_site
from tests.integration.sessions.conftest import Wire

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)
ELEMENTS = [
    {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
    {
        "price_components": [{"type": "PARKING_TIME", "price": "6.00"}],
        "restrictions": {"min_idle_time": 600},
    },
]


@pytest.fixture
def cdr(db) -> Cdr:
    """10 kWh, then 40 min idle, 10 of them free: 5.00 + 3.00, that capped at 2.00, less 10 %, at most 5.00 gross."""
    site = make_site(elements=ELEMENTS, rules={"idle": {"max_amount": "2.00"}})
    wire = Wire(site)
    make_grant(site=site, limit_amount=Decimal("5.00"), discount_percent=Decimal(10))
    session = wire.finish(wire.begin(id_token="ADHOC01").transaction_id)
    for status, minutes in (("Finishing", 0), ("Available", 40)):
        services.record_connector_states((wire.status(status, END + timedelta(minutes=minutes)),))
    return services.rate_settled(session_id=session.pk, at=END + timedelta(hours=1))


class TestExplainCdr:
    def test_shows_idling_with_its_span_and_why_it_costs(self, cdr):
        explained = explain_cdr(cdr, readings=list(cdr.session.readings.order_by("at")))

        period = explained.periods[-1]
        (part,) = period.parts
        assert (period.state, part.dimension, part.unit) == ("idle", Dimension.PARKING_TIME, "h")
        assert (part.span, part.price, part.amount) == (timedelta(minutes=30), Decimal(6), Decimal(3))
        assert part.rule == "after 10 min idle"

    @pytest.mark.parametrize(
        ("language", "reasons"),
        [
            (
                "en",
                ["idle time limited to its maximum", "membership discount of 10 %", "limited to the amount reserved"],
            ),
            (
                "de",
                [
                    "Standzeit auf ihren Höchstbetrag begrenzt",
                    "Mitgliedsrabatt",
                    "auf den reservierten Betrag begrenzt",
                ],
            ),
        ],
    )
    def test_tells_each_line_beside_the_prices(self, cdr, language, reasons):
        explained = explain_cdr(cdr, readings=[], language=language)

        assert [line.kind for line in explained.adjustments] == ["idle_cap", "discount", "ceiling"]
        assert [line.reason for line in explained.adjustments] == reasons
        assert [line.net for line in explained.adjustments] == ["-1.00", "-0.70", "-2.10"]
        assert cdr.gross.amount == Decimal("5.00")
