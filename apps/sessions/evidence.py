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
from apps.sessions.domain.commands import Measurand
from apps.sessions.domain.settling import asks_for_current, asks_for_power, prices_idle
from apps.sessions.domain.states import VEHICLE_STATE, Occupancy, ReportedState, occupancy
from apps.sessions.models import ChargingSession, Measurement, MeterReading
from apps.sessions.models import StateChange as StateRow
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import Connector
from apps.tariffs.domain.facts import Measured, Reading, Reservation, SessionFacts, StateChange
from apps.tariffs.domain.register import CleanRegister, clean_register
from apps.tariffs.domain.terms import TariffTerms
from apps.tariffs.domain.timeline import measured_or_mean, nothing_after_the_stop, timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a session's rating rests on.

    readings      as stored, ascending in time
    said          what messages said of the vehicle and when, ascending, the time after the stop included
    powers, currents  as measured, ascending; loaded only where the tariff asks for them
    max_power_w   the strongest connector of its EVSE; None: no connector is known
    available_at  since when all connectors of the EVSE are Available; None: they are not
    terms         of its tariff version; None: no tariff applies
    """

    session: ChargingSession
    readings: tuple[Reading, ...]
    said: tuple[tuple[datetime, ReportedState], ...]
    powers: tuple[Measured, ...]
    currents: tuple[Measured, ...]
    max_power_w: int | None
    available_at: datetime | None
    terms: TariffTerms | None

    @property
    def prices_idle(self) -> bool:
        return self.terms is not None and prices_idle(self.terms)

    def clean(self, *, begin: Reading, end: Reading | None) -> CleanRegister:
        """Return the register between its anchors, with what is wrong about it."""
        return clean_register(readings=self.readings, begin=begin, end=end, max_power_w=self.max_power_w)

    def occupancy(self) -> Occupancy:
        """Tell how long the vehicle stood there after the stop, as far as is known; only of a session that has ended.

        What settled it stands; a message that came later, of the time before that, may say more.
        """
        session = self.session
        assert session.ended_at is not None
        told = occupancy(
            ended_at=session.ended_at,
            end_received_at=session.end_received_at or session.ended_at,
            stop_reason=session.stop_reason,
            states=self.said,
        )
        if told.is_gone or session.occupied_until is None:
            return told
        return Occupancy(
            until=max(told.until, session.occupied_until), is_gone=False, is_said_to_stand=told.is_said_to_stand
        )

    def facts_so_far(self, register: tuple[Reading, ...], *, ended_at: datetime) -> SessionFacts:
        """Return what the engine reads of the session if it was over at ``ended_at``."""
        return self._facts(register, stopped_at=ended_at, ended_at=ended_at)

    def facts(self, register: tuple[Reading, ...], *, until: datetime | None = None) -> SessionFacts:
        """Return what the engine reads of a session that has ended.

        Where idling is priced it goes on after the stop for as long as the vehicle stands there.

        until  when it is taken to leave; None: when it is known to
        """
        session = self.session
        assert session.ended_at is not None
        stopped_at = max(session.started_at, session.ended_at)
        if not self.prices_idle:
            return self._facts(register, stopped_at=stopped_at, ended_at=stopped_at)
        return self._facts(register, stopped_at=stopped_at, ended_at=max(stopped_at, until or self.occupancy().until))

    def _facts(self, register: tuple[Reading, ...], *, stopped_at: datetime, ended_at: datetime) -> SessionFacts:
        session = self.session
        stop_ms, end_ms = to_epoch_ms(stopped_at), to_epoch_ms(ended_at)
        said = (
            StateChange(at_ms=to_epoch_ms(at), state=VEHICLE_STATE[state])
            for at, state in self.said
            if state in VEHICLE_STATE
        )
        powers: tuple[Measured, ...] = ()
        currents: tuple[Measured, ...] = ()
        if self.terms is not None and asks_for_power(self.terms):
            powers = measured_or_mean(
                measured=self.powers, register=register, stopped_at_ms=stop_ms, ended_at_ms=end_ms
            )
        if self.terms is not None and asks_for_current(self.terms):
            currents = nothing_after_the_stop(self.currents, stopped_at_ms=stop_ms, ended_at_ms=end_ms)
        return SessionFacts(
            started_at_ms=to_epoch_ms(session.started_at),
            ended_at_ms=end_ms,
            time_zone=session.time_zone,
            register=register,
            states=timeline(said=said, register=register, stopped_at_ms=stop_ms, ended_at_ms=end_ms),
            powers=powers,
            currents=currents,
            reservation=_reservation(session),
        )


def _reservation(session: ChargingSession) -> Reservation | None:
    if session.reserved_from is None:
        return None
    return Reservation(
        start_ms=to_epoch_ms(session.reserved_from),
        end_ms=to_epoch_ms(session.started_at),
        expired=session.kind == ChargingSession.Kind.RESERVATION,
    )


def gather(sessions: Sequence[ChargingSession]) -> list[Evidence]:
    """Load the evidence of sessions, in order, in three queries; a fourth where a tariff asks for power or current.

    sessions  with their tariff versions loaded
    """
    ids = [session.pk for session in sessions]
    terms = {s.pk: s.tariff_version.terms() if s.tariff_version is not None else None for s in sessions}
    readings: defaultdict[int, list[Reading]] = defaultdict(list)
    # Plain tuples: a long session has tens of thousands of readings, and making a model of each costs most of the time.
    rows = MeterReading.objects.filter(session_id__in=ids).order_by("at", "energy_milliwh")
    for session_id, at, energy_milliwh in rows.values_list("session_id", "at", "energy_milliwh"):
        readings[session_id].append(Reading(at_ms=to_epoch_ms(at), energy_milliwh=energy_milliwh))
    said: defaultdict[int, list[tuple[datetime, ReportedState]]] = defaultdict(list)
    for state in StateRow.objects.filter(session_id__in=ids).order_by("at", "pk"):
        said[state.session_id].append((state.at, ReportedState(state.state)))
    connectors: defaultdict[int, list[Connector]] = defaultdict(list)
    for connector in Connector.objects.filter(evse_id__in={session.evse_id for session in sessions}):
        connectors[connector.evse_id].append(connector)
    measured = _measured(
        [pk for pk, asked in terms.items() if asked and (asks_for_power(asked) or asks_for_current(asked))]
    )
    return [
        Evidence(
            session=session,
            readings=tuple(readings[session.pk]),
            said=tuple(said[session.pk]),
            powers=tuple(measured[session.pk, Measurand.POWER]),
            currents=tuple(measured[session.pk, Measurand.CURRENT]),
            max_power_w=max((connector.max_power_w for connector in connectors[session.evse_id]), default=None),
            available_at=_available_at(connectors[session.evse_id]),
            terms=terms[session.pk],
        )
        for session in sessions
    ]


def _measured(session_ids: Sequence[int]) -> defaultdict[tuple[int, str], list[Measured]]:
    """Load what was measured, ascending; of several values for one instant the lowest."""
    measured: defaultdict[tuple[int, str], list[Measured]] = defaultdict(list)
    if not session_ids:
        return measured
    for row in Measurement.objects.filter(session_id__in=session_ids).order_by("at", "value_milli"):
        values = measured[row.session_id, row.kind]
        if not values or values[-1].at_ms != to_epoch_ms(row.at):
            values.append(Measured(at_ms=to_epoch_ms(row.at), value=row.value_milli))
    return measured


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

    What is paid back is no supply of the seller's: no tax is on it.

    :raises SellerNotRegistered, NoTaxRate, TaxNotSupported: the supply cannot be taxed
    """
    categories = {component.tax_category for element in terms.elements for component in element.price_components}
    if session.home_charger_id is not None:
        return {category: Decimal(0) for category in sorted(categories)}
    registrations = tuple(
        Registration(country=row.country.code, vat_id=row.vat_id, valid_from=row.valid_from, valid_to=row.valid_to)
        for row in _registrations(session)
    )
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


def _registrations(session: ChargingSession) -> Iterable[TaxRegistration]:
    """Return the seller's registrations; whoever prices many sessions of one seller loads them with it, once."""
    if ChargingSession.seller.is_cached(session):
        return session.seller.tax_registrations.all()
    return TaxRegistration.objects.filter(organisation_id=session.seller_id)
