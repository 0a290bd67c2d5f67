"""Find documents by what somebody knows of their number.

A number is told by its series and sequence, and by these there is an index: the beginning of three hundred thousand
numbers is found without reading them.
"""

from django.db.models import QuerySet

from apps.invoices.domain.numbers import read_beginning
from apps.invoices.models import Invoice, NumberSeries


def documents_numbered(
    text: str, *, documents: QuerySet[Invoice], series: QuerySet[NumberSeries], most: int
) -> list[Invoice]:
    """Return up to ``most`` of ``documents`` whose number begins so, the newest first.

    series  those that ``documents`` were numbered from, and no others
    """
    beginning = read_beginning(text)
    if beginning is None:
        return []
    fitting = series.filter(kind=beginning.kind).order_by("-year", "pk")
    if beginning.year is not None:
        fitting = fitting.filter(year=beginning.year)
    if beginning.sequences is not None:
        among = documents.filter(series__in=fitting.order_by().values("pk"), sequence__range=beginning.sequences)
        return list(among.order_by("-series__year", "-sequence")[:most])
    found: list[Invoice] = []
    # A series begins with its first document, so that the newest ``most`` of them are enough.
    for one in fitting[:most]:
        found += documents.filter(series=one).order_by("-sequence")[: most - len(found)]
        if len(found) == most:
            break
    return found
