"""All that is known of sessions, loaded for many at once: readings, states, connector, terms, tax."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.accounts.models import TaxRegistration
from apps.core.clock import to_epoch_ms
from apps.core.domain.tax import PRIVATE, Registration, SupplyKind, TaxCategory, decide_tax
from apps.core.domain.zones import zone
from apps.sessions.models import ChargingSession, MeterReading
from apps.sessions.models import StateChange as StateRow
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import Connector
from apps.tariffs.domain.facts import Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.register import CleanRegister, clean_register
from apps.tariffs.domain.terms import TariffTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a session's rating rests on.

    readings      as stored, ascending in time
    max_power_w   the strongest connector of its EVSE; None: no connector is known
    available_at  since when all connectors of the EVSE are Available; None: they are not
    """

    session: ChargingSession
    readings: tuple[Reading, ...]
    states: tuple[StateChange, ...]
    max_power_w: int | None
    available_at: datetime | None

    def clean(self, *, begin: Reading, end: Reading | None) -> CleanRegister:
        """Return the register between its anchors, with what is wrong about it."""
        return clean_register(readings=self.readings, begin=begin, end=end, max_power_w=self.max_power_w)

    def facts(self, register: tuple[Reading, ...], *, ended_at: datetime) -> SessionFacts:
        """Return what the engine reads of the session if it ended at ``ended_at``."""
        return SessionFacts(
            started_at_ms=to_epoch_ms(self.session.started_at),
            ended_at_ms=to_epoch_ms(ended_at),
            time_zone=self.session.time_zone,
            register=register,
            states=self.states,
        )


def gather(sessions: Sequence[ChargingSession]) -> list[Evidence]:
    """Load the evidence of sessions, in order, in three queries."""
    readings: defaultdict[int, list[Reading]] = defaultdict(list)
    ids = [session.pk for session in sessions]
    for row in MeterReading.objects.filter(session_id__in=ids).order_by("at", "energy_milliwh"):
        reading = Reading(at_ms=to_epoch_ms(row.at), energy_milliwh=row.energy_milliwh)
        readings[row.session_id].append(reading)
    states: defaultdict[int, list[StateChange]] = defaultdict(list)
    for state in StateRow.objects.filter(session_id__in=ids).order_by("at", "pk"):
        states[state.session_id].append(StateChange(at_ms=to_epoch_ms(state.at), state=VehicleState(state.state)))
    connectors: defaultdict[int, list[Connector]] = defaultdict(list)
    for connector in Connector.objects.filter(evse_id__in={session.evse_id for session in sessions}):
        connectors[connector.evse_id].append(connector)
    return [
        Evidence(
            session=session,
            readings=tuple(readings[session.pk]),
            states=tuple(states[session.pk]),
            max_power_w=max((connector.max_power_w for connector in connectors[session.evse_id]), default=None),
            available_at=_available_at(connectors[session.evse_id]),
        )
        for session in sessions
    ]


def _available_at(connectors: Iterable[Connector]) -> datetime | None:
    since = [connector.status_at if connector.status == ConnectorStatus.AVAILABLE else None for connector in connectors]
    known = [at for at in since if at is not None]
    return max(known) if known and len(known) == len(since) else None


def begin_of(session: ChargingSession) -> Reading | None:
    """Return the reading the station gave with the start; None: it could not be read."""
    if session.meter_start_milliwh is None:
        return None
    return Reading(at_ms=to_epoch_ms(session.started_at), energy_milliwh=session.meter_start_milliwh)


def end_of(session: ChargingSession) -> Reading | None:
    """Return the reading the station gave with the stop; None: there is no stop or it could not be read."""
    if session.ended_at is None or session.meter_stop_milliwh is None:
        return None
    return Reading(at_ms=to_epoch_ms(session.ended_at), energy_milliwh=session.meter_stop_milliwh)


def local_date(at: datetime, session: ChargingSession) -> date:
    """Return the day at the charger, which decides the tax rate."""
    return at.astimezone(zone(session.time_zone)).date()


def tax_rates(session: ChargingSession, *, terms: TariffTerms, on: date) -> Mapping[str, Decimal]:
    """Decide the tax rate of each category the tariff may price (fractions of the net), as of day ``on``.

    Electricity for own use is taxed where the charger stands, whoever buys (TARIFFS.md "Which tax").

    :raises SellerNotRegistered, NoTaxRate, TaxNotSupported: the supply cannot be taxed
    """
    registrations = tuple(
        Registration(country=row.country.code, vat_id=row.vat_id, valid_from=row.valid_from, valid_to=row.valid_to)
        for row in TaxRegistration.objects.filter(organisation_id=session.seller_id)
    )
    categories = {component.tax_category for element in terms.elements for component in element.price_components}
    return {
        category: decide_tax(
            supply=SupplyKind.GOODS_ELECTRICITY,
            country=session.evse.station.location.country.code,
            seller_registrations=registrations,
            buyer=PRIVATE,
            on=on,
            category=TaxCategory(category),
        ).rate
        for category in sorted(categories)
    }
