"""Choose a chart of accounts, and change single numbers in it, from a month on that is not closed."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction

from apps.accounts.models import Organisation, User
from apps.ledger.domain.chart import Role
from apps.ledger.domain.charts import BadNumber, ChartKind, NumberedAccount, Numbering
from apps.ledger.models import AccountNumber, Chart
from apps.ledger.selectors import chart_on, first_open_day, numbering_on


class NotChangeable(Exception):
    """The chart cannot be changed like this; the message says why, and nothing was changed."""


@transaction.atomic
def choose_chart(
    *,
    entity_id: int,
    kind: ChartKind,
    valid_from: date,
    by: User | None,
    at: datetime,
    account_length: int = 4,
    consultant_number: int | None = None,
    client_number: int | None = None,
    year_begins: int = 1,
) -> Chart:
    """Let a chart hold from a month on; numbers that were changed in another chart stay there.

    valid_from  the first day of a month

    :raises NotChangeable: that month is closed
    """
    _check_open(entity_id, valid_from)
    before = chart_on(entity_id=entity_id, day=valid_from)
    chart: Chart = Chart.objects.create(
        entity_id=entity_id,
        kind=kind,
        valid_from=valid_from,
        account_length=account_length,
        consultant_number=consultant_number,
        client_number=client_number,
        year_begins=year_begins,
        decided_by=by,
        decided_at=at,
    )
    if before is not None and (before.kind, before.account_length) == (kind, account_length):
        _keep_numbers(before, chart, by=by, at=at)
    return chart


def _keep_numbers(before: Chart, chart: Chart, *, by: User | None, at: datetime) -> None:
    """Carry the numbers of the same chart over, where only its settings change."""
    newest: dict[tuple[str, str], AccountNumber] = {}
    for row in before.numbers.filter(valid_from__lte=chart.valid_from).order_by("valid_from", "pk"):
        newest[row.role, row.vat] = row
    for row in newest.values():
        row.pk, row.chart, row.valid_from, row.decided_by, row.decided_at = None, chart, chart.valid_from, by, at
        row._state.adding = True
        row.save()


@transaction.atomic
def set_numbers(
    *,
    entity_id: int,
    numbers: Mapping[tuple[Role, str], NumberedAccount],
    valid_from: date,
    by: User | None,
    at: datetime,
) -> list[AccountNumber]:
    """Give roles other numbers from a month on; those that have theirs already are left alone.

    numbers  (role, key of ``charts.vat_keys``) → account

    :raises NotChangeable: that month is closed, no chart was chosen, or a number is none of this chart's
    """
    _check_open(entity_id, valid_from)
    chart = chart_on(entity_id=entity_id, day=valid_from)
    if chart is None:
        raise NotChangeable("Choose a chart of accounts first.")
    numbering = numbering_on(entity=Organisation.objects.get(pk=entity_id), day=valid_from)
    made = []
    for (role, vat), account in numbers.items():
        if numbering.rows.get((role, vat)) == account:
            continue
        made.append(
            AccountNumber(
                chart=chart,
                role=role,
                vat=vat,
                number=_checked(numbering, account.number),
                name=account.name.strip()[:80],
                is_automatic=account.is_automatic,
                valid_from=valid_from,
                decided_by=by,
                decided_at=at,
            )
        )
    for row in made:
        row.save()
    return made


def _check_open(entity_id: int, valid_from: date) -> None:
    first = first_open_day(entity_id=entity_id, day=valid_from)
    if first != valid_from:
        raise NotChangeable(f"{valid_from:%B %Y} is closed. The chart may change from {first:%B %Y} on.")


def _checked(numbering: Numbering, number: str) -> str:
    try:
        return numbering.check(number)
    except BadNumber as error:
        raise NotChangeable(str(error)) from error
