"""What it costs to answer chargers: throughput, idle sockets, a rush of starts, a fleet at work, a server's return."""

from argparse import ArgumentParser, Namespace
from typing import Any

from bench import ocpp_busy, ocpp_idle, ocpp_return, ocpp_starts, ocpp_talk
from bench.house import own_database
from tests.factories import make_site

KINDS = {
    "talk": ocpp_talk,
    "starts": ocpp_starts,
    "busy": ocpp_busy,
    "return": ocpp_return,
    "idle": ocpp_idle,
}
FLAT_PRICE = [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--ocpp", nargs="+", choices=KINDS, default=list(KINDS), metavar="kind", help=f"of ocpp: {', '.join(KINDS)}"
    )
    for kind in KINDS.values():
        kind.add_arguments(parser)


def run(options: Namespace) -> dict[str, Any]:
    """Measure one kind after the other, each with servers and stations of its own."""
    with own_database():
        site = make_site(elements=FLAT_PRICE)
        return {name: KINDS[name].measure(site, options) for name in options.ocpp}
