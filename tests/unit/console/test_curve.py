"""A register drawn as a line with the prices that applied behind it."""

from apps.console.curve import HEIGHT, MARGIN, MOST_DOTS, SHADES, WIDTH, Span, curve_of
from apps.core.clock import from_epoch_ms
from apps.tariffs.domain.facts import Reading

READINGS = (Reading(at_ms=0, energy_milliwh=0), Reading(at_ms=600, energy_milliwh=1_000))
DAY, NIGHT = "€0.50 / kWh", "€0.30 / kWh"


class TestCurve:
    def test_fills_the_canvas_within_its_margin(self):
        curve = curve_of(READINGS)

        assert curve.points == f"{MARGIN},{HEIGHT - MARGIN} {WIDTH - MARGIN},{MARGIN}"
        assert (curve.bands, curve.prices) == ((), ())

    def test_gives_each_price_one_shade_however_often_it_applies(self):
        spans = [
            Span(start_ms=0, end_ms=200, words=DAY),
            Span(start_ms=200, end_ms=400, words=NIGHT),
            Span(start_ms=400, end_ms=600, words=DAY),
        ]

        curve = curve_of(READINGS, spans=spans)

        assert [band.shade for band in curve.bands] == [0, 1, 0]
        assert curve.prices == ((0, DAY), (1, NIGHT))
        # Each begins where the one before ends, and together they reach from the first to the last reading.
        edges = [(band.x, band.x + band.width) for band in curve.bands]
        assert [right for _, right in edges[:-1]] == [left for left, _ in edges[1:]]
        assert (edges[0][0], edges[-1][1]) == (MARGIN, WIDTH - MARGIN)

    def test_goes_on_to_the_right_while_a_price_applies_after_the_last_reading(self):
        curve = curve_of(READINGS, spans=[Span(start_ms=0, end_ms=1_200, words=DAY)])

        assert curve.to_at == from_epoch_ms(1_200)
        assert curve.dots[-1].x == WIDTH // 2
        assert curve.bands[0].width == WIDTH - 2 * MARGIN

    def test_shows_no_span_without_length_and_takes_shades_again_where_they_run_out(self):
        spans = [Span(start_ms=n * 100, end_ms=n * 100 + 100, words=str(n)) for n in range(SHADES + 1)]

        curve = curve_of(READINGS, spans=[*spans, Span(start_ms=600, end_ms=600, words="never")])

        assert [band.shade for band in curve.bands] == [*range(SHADES), 0]

    def test_dots_only_what_is_odd_where_there_are_many_and_draws_nothing_of_nothing(self):
        many = [Reading(at_ms=n, energy_milliwh=n) for n in range(MOST_DOTS + 1)]

        assert [dot.at for dot in curve_of(many, odd={many[3]}).dots] == [from_epoch_ms(3)]
        assert curve_of([]) is None
