"""The sticker sheet: an A4 page of labels whose QR codes lead to the pages where drivers pay.

A QR code holds only our own address with the connector's random code; beside it stands what the page shows too, so
that a driver can tell our sticker from one that somebody has put over it. Who renders the page to PDF is a higher app.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import segno
from django.template.loader import render_to_string

from apps.stations.models import PayCode


def pay_address(pay_code: PayCode, *, base_url: str) -> str:
    """Return the address of a code's page, e.g. ``https://pay.example/c/…/``; ``base_url`` has no slash at its end."""
    return f"{base_url}/c/{pay_code.code}/"


def sticker_sheet_html(pay_codes: Iterable[PayCode], *, base_url: str) -> str:
    """Return the sheet as HTML for print, one label a code, in their order; in German and English.

    pay_codes  each with its connector, station and location loaded (``selectors.codes_to_print``)
    """
    labels = [_label(pay_code, base_url=base_url) for pay_code in pay_codes]
    return render_to_string("stations/stickers.html", {"labels": labels, "host": urlsplit(base_url).netloc})


def _label(pay_code: PayCode, *, base_url: str) -> dict[str, Any]:
    connector = pay_code.connector
    evse = connector.evse
    return {
        "location": evse.station.location,
        "station": evse.station.identity,
        "evse": evse.number,
        "kind": connector.get_kind_display(),
        "power_kw": _kilowatts(connector.max_power_w),
        "short_code": pay_code.short_code,
        "help_number": evse.station.location.called_number,
        "qr": qr_code(pay_address(pay_code, base_url=base_url)),
    }


def _kilowatts(watts: int) -> str:
    """Write a power in kilowatts without needless zeros: ``22``, ``3.7``."""
    return f"{(Decimal(watts) / 1000).normalize():f}"


def qr_code(address: str) -> str:
    """Return a QR code as inline SVG without a size of its own, its quiet zone of four modules included (ISO 18004).

    Never a micro QR code, which telephones do not read; at least 15 % of it may be scratched or dirty.
    """
    code = segno.make(address, error="m", micro=False)
    return code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)
