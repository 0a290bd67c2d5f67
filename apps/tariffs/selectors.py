"""What the tariff pages read: findings, neighbours in time, weeks of prices, and what usual sessions would cost."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.accounts.models import Organisation
from apps.core.domain.zones import zone
from apps.tariffs.domain.facts import GrantTerms
from apps.tariffs.domain.lint import Finding, Profile, Severity, lint_tariff
from apps.tariffs.domain.matching import SoFar
from apps.tariffs.domain.ocpi import tax_rates_of
from apps.tariffs.domain.parse import TariffError
from apps.tariffs.domain.rated import RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import Dimension, TariffTerms
from apps.tariffs.domain.usual import UsualSession, usual_sessions
from apps.tariffs.domain.week import WeekGrid, week_grid
from apps.tariffs.models import TariffVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualPrices:
    """What one usual session costs under each of the versions compared, in their order; None: no tax rate is known."""

    session: UsualSession
    rated: tuple[RatedSession | None, ...]

    @property
    def cheapest(self) -> Decimal | None:
        """Return the least gross price, where the versions differ."""
        prices = {each.gross for each in self.rated if each is not None}
        return min(prices) if len(prices) > 1 else None


def terms_of(version: TariffVersion) -> TariffTerms | None:
    """Return what a version says; None: an empty draft."""
    return version.terms() if version.elements else None


def findings_of(
    version: TariffVersion, *, profiles: Collection[Profile] = (), valid_from: datetime | None = None
) -> tuple[Finding, ...]:
    """Return what the linter, and before it the parser, says of a version; errors first.

    valid_from  when it is to begin; None: when it does, or not known
    """
    try:
        terms = version.terms()
    except TariffError as error:
        return tuple(
            Finding(severity=Severity.ERROR, code="not_a_tariff", path=problem.path, message=problem.message)
            for problem in error.problems
        )
    owner = version.tariff.owner
    starts, ends = valid_from or version.valid_from, version.valid_to
    return findings_in(
        terms,
        owner=owner,
        profiles=profiles,
        valid_from=starts and local_date(starts, owner.time_zone),
        valid_to=ends and local_date(ends, owner.time_zone),
    )


def findings_in(
    terms: TariffTerms,
    *,
    owner: Organisation,
    profiles: Collection[Profile] = (),
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> tuple[Finding, ...]:
    """Return what the linter says of terms at the tax rates of the owner's country; errors first.

    valid_from, valid_to  local days, half-open; None: not known, open
    """
    rates = tax_rates_on(country=owner.country.code, on=valid_from) if valid_from else None
    return lint_tariff(terms, profiles=profiles, tax_rates=rates, valid_from=valid_from, valid_to=valid_to)


def tax_rates_on(*, country: str, on: date) -> dict[str, Decimal]:
    """Return the rate of each tax category that the rule book has for a country and day, fractions of the net."""
    return {category.value: rate for category, rate in tax_rates_of(country=country, on=on).items()}


def local_date(at: datetime, time_zone: str) -> date:
    """Return the day of an instant on the wall clock of a zone (IANA name)."""
    return at.astimezone(zone(time_zone)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week's prices of one dimension, at a session's start, or once ``idle_s`` seconds of idling are over."""

    grid: WeekGrid
    idle_s: int


def weeks(terms: TariffTerms, *, time_zone: str, week_of: date) -> list[Week]:
    """Return a week for energy, and one for each kind of time that a charging session is charged for.

    Idle time is shown when every grace period is over; before, an idle fee would look as if there were none.
    """
    priced = [
        (component.dimension, element.restrictions.min_idle_time or 0)
        for element in terms.elements
        if element.restrictions.reservation is None
        for component in element.price_components
    ]
    found = []
    for dimension in (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME):
        graces = [grace for each, grace in priced if each is dimension]
        if graces or dimension is Dimension.ENERGY:
            idle_s = max(graces) if dimension is Dimension.PARKING_TIME else 0
            so_far = SoFar(idle_s=idle_s, duration_s=idle_s)
            grid = week_grid(terms, time_zone=time_zone, week_of=week_of, dimension=dimension, so_far=so_far)
            found.append(Week(grid=grid, idle_s=idle_s))
    return found


def usual_prices(versions: Iterable[TariffTerms], *, time_zone: str, country: str, on: date) -> list[UsualPrices]:
    """Price the usual sessions under each tariff, by the engine that bills them.

    time_zone, country  of the owner: IANA name, ISO 3166-1 alpha-2; on  a day of the week in which they take place
    """
    terms, rates = list(versions), tax_rates_on(country=country, on=on)
    return [
        UsualPrices(session=session, rated=tuple(_rate(session, each, rates) for each in terms))
        for session in usual_sessions(time_zone=time_zone, week_of=on)
    ]


def _rate(session: UsualSession, terms: TariffTerms, tax_rates: dict[str, Decimal]) -> RatedSession | None:
    needed = {component.tax_category for element in terms.elements for component in element.price_components}
    if not needed <= tax_rates.keys():
        return None
    return rate_session(facts=session.facts, terms=terms, grant=GrantTerms(), tax_rates=tax_rates)
