"""The words in which tariffs are told, one table a language.

Owns words and formats only; ``sentences.py`` and ``price_text.py`` put them together. ``{}`` stands for what is told,
with its unit.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from apps.tariffs.domain.rated import AdjustmentKind

Language = Literal["en", "de", "fr", "nl"]


class Spans(NamedTuple):
    """How one quantity is bounded: from below, from above, or both (``{}`` is then "10–20 kWh")."""

    from_: str
    below: str
    between: str = "{}"


class Words(NamedTuple):
    """What a language says where the others say something else."""

    # Formats
    decimal_point: str
    colon: str
    day_format: str
    # When an element holds
    days: tuple[str, ...]
    always: str
    other_times: str
    otherwise: str
    from_day: str
    until_day: str
    on_holidays: str
    not_on_holidays: str
    volume: Spans
    band: Spans
    duration: Spans
    charging: Spans
    idle: Spans
    idling: str
    reservation: str
    reservation_not_used: str
    # What it costs
    per_session: str
    per_reservation: str
    while_charging: str
    while_idle: str
    per_step: str
    at_most: str
    gross: str
    net: str
    # The price text
    free: str
    least_total: str
    most_total: str
    idle_at_most: str
    idle_quiet: str
    nothing_if_no_energy: str
    session_fee_if_no_energy: str
    with_tax: str
    without_tax: str
    # What changes a sum
    adjustments: Mapping[AdjustmentKind, str]


_ENGLISH: Final = Words(
    decimal_point=".",
    colon=": ",
    day_format="%Y-%m-%d",
    days=("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"),
    always="at all times",
    other_times="at other times",
    otherwise="otherwise",
    from_day="from {}",
    until_day="until {}",
    on_holidays="on holidays",
    not_on_holidays="not on holidays",
    volume=Spans("from {}", "first {}"),
    band=Spans("from {}", "below {}"),
    duration=Spans("from {}", "first {}"),
    charging=Spans("after {} charging", "first {} charging", "{} charging"),
    idle=Spans("after {} idle", "first {} idle", "{} idle"),
    idling="while idle",
    reservation="reservation",
    reservation_not_used="reservation not used",
    per_session="per session",
    per_reservation="per reservation",
    while_charging="while charging",
    while_idle="while idle",
    per_step="per started {}",
    at_most="at most {}",
    gross="gross",
    net="net",
    free="free of charge",
    least_total="at least {} per session",
    most_total="at most {} per session",
    idle_at_most="idle fee: at most {} per session",
    idle_quiet="no idle fee {}",
    nothing_if_no_energy="nothing to pay if no energy was delivered",
    session_fee_if_no_energy="if no energy was delivered, only the price per session",
    with_tax="including VAT",
    without_tax="plus VAT",
    adjustments={
        AdjustmentKind.IDLE_CAP: "idle time limited to its maximum",
        AdjustmentKind.DISCOUNT: "membership discount",
        AdjustmentKind.MIN_PRICE: "raised to the minimum price",
        AdjustmentKind.MAX_PRICE: "limited to the maximum price",
        AdjustmentKind.CEILING: "limited to the amount reserved",
        AdjustmentKind.FLOOR: "small amount waived",
    },
)

_GERMAN: Final = Words(
    decimal_point=",",
    colon=": ",
    day_format="%d.%m.%Y",
    days=("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    always="jederzeit",
    other_times="zu anderen Zeiten",
    otherwise="sonst",
    from_day="ab {}",
    until_day="bis {}",
    on_holidays="an Feiertagen",
    not_on_holidays="nicht an Feiertagen",
    volume=Spans("ab {}", "erste {}"),
    band=Spans("ab {}", "unter {}"),
    duration=Spans("ab {}", "erste {}"),
    charging=Spans("nach {} Ladezeit", "erste {} Ladezeit", "{} Ladezeit"),
    idle=Spans("nach {} Standzeit", "erste {} Standzeit", "{} Standzeit"),
    idling="Standzeit",
    reservation="Reservierung",
    reservation_not_used="nicht genutzte Reservierung",
    per_session="je Ladevorgang",
    per_reservation="je Reservierung",
    while_charging="Ladezeit",
    while_idle="Standzeit",
    per_step="je angefangene {}",
    at_most="höchstens {}",
    gross="brutto",
    net="netto",
    free="kostenlos",
    least_total="mindestens {} je Ladevorgang",
    most_total="höchstens {} je Ladevorgang",
    idle_at_most="Standzeit: höchstens {} je Ladevorgang",
    idle_quiet="Standzeit {} ohne Gebühr",
    nothing_if_no_energy="ohne geladene Energie nichts zu zahlen",
    session_fee_if_no_energy="ohne geladene Energie nur der Preis je Ladevorgang",
    with_tax="inkl. USt.",
    without_tax="zzgl. USt.",
    adjustments={
        AdjustmentKind.IDLE_CAP: "Standzeit auf ihren Höchstbetrag begrenzt",
        AdjustmentKind.DISCOUNT: "Mitgliedsrabatt",
        AdjustmentKind.MIN_PRICE: "auf den Mindestpreis angehoben",
        AdjustmentKind.MAX_PRICE: "auf den Höchstpreis begrenzt",
        AdjustmentKind.CEILING: "auf den reservierten Betrag begrenzt",
        AdjustmentKind.FLOOR: "Kleinbetrag erlassen",
    },
)

_FRENCH: Final = Words(
    decimal_point=",",
    colon=" : ",
    day_format="%d/%m/%Y",
    days=("lu", "ma", "me", "je", "ve", "sa", "di"),
    always="à tout moment",
    other_times="le reste du temps",
    otherwise="sinon",
    from_day="à partir du {}",
    until_day="jusqu'au {}",
    on_holidays="les jours fériés",
    not_on_holidays="hors jours fériés",
    volume=Spans("à partir de {}", "jusqu'à {}"),
    band=Spans("à partir de {}", "moins de {}"),
    duration=Spans("à partir de {}", "jusqu'à {}"),
    charging=Spans("après {} de charge", "jusqu'à {} de charge", "{} de charge"),
    idle=Spans("après {} d'inactivité", "jusqu'à {} d'inactivité", "{} d'inactivité"),
    idling="inactivité",
    reservation="réservation",
    reservation_not_used="réservation non utilisée",
    per_session="par session",
    per_reservation="par réservation",
    while_charging="de charge",
    while_idle="d'inactivité",
    per_step="par tranche entamée de {}",
    at_most="au plus {}",
    gross="TTC",
    net="HT",
    free="gratuit",
    least_total="au moins {} par session",
    most_total="au plus {} par session",
    idle_at_most="inactivité : au plus {} par session",
    idle_quiet="inactivité gratuite {}",
    nothing_if_no_energy="rien à payer si aucune énergie n'a été fournie",
    session_fee_if_no_energy="sans énergie fournie, seul le prix par session",
    with_tax="TVA comprise",
    without_tax="hors TVA",
    adjustments={
        AdjustmentKind.IDLE_CAP: "inactivité limitée à son maximum",
        AdjustmentKind.DISCOUNT: "remise d'abonné",
        AdjustmentKind.MIN_PRICE: "porté au prix minimal",
        AdjustmentKind.MAX_PRICE: "limité au prix maximal",
        AdjustmentKind.CEILING: "limité au montant réservé",
        AdjustmentKind.FLOOR: "petit montant abandonné",
    },
)

_DUTCH: Final = Words(
    decimal_point=",",
    colon=": ",
    day_format="%d-%m-%Y",
    days=("ma", "di", "wo", "do", "vr", "za", "zo"),
    always="altijd",
    other_times="op andere tijden",
    otherwise="anders",
    from_day="vanaf {}",
    until_day="tot en met {}",
    on_holidays="op feestdagen",
    not_on_holidays="niet op feestdagen",
    volume=Spans("vanaf {}", "eerste {}"),
    band=Spans("vanaf {}", "onder {}"),
    duration=Spans("vanaf {}", "eerste {}"),
    charging=Spans("na {} laden", "eerste {} laden", "{} laden"),
    idle=Spans("na {} stilstand", "eerste {} stilstand", "{} stilstand"),
    idling="stilstand",
    reservation="reservering",
    reservation_not_used="niet gebruikte reservering",
    per_session="per laadsessie",
    per_reservation="per reservering",
    while_charging="laden",
    while_idle="stilstand",
    per_step="per begonnen {}",
    at_most="hoogstens {}",
    gross="incl. btw",
    net="excl. btw",
    free="gratis",
    least_total="minstens {} per laadsessie",
    most_total="hoogstens {} per laadsessie",
    idle_at_most="stilstand: hoogstens {} per laadsessie",
    idle_quiet="stilstand {} gratis",
    nothing_if_no_energy="niets te betalen als er geen energie is geleverd",
    session_fee_if_no_energy="zonder geleverde energie alleen de prijs per laadsessie",
    with_tax="incl. btw",
    without_tax="excl. btw",
    adjustments={
        AdjustmentKind.IDLE_CAP: "stilstand begrensd tot het maximum",
        AdjustmentKind.DISCOUNT: "ledenkorting",
        AdjustmentKind.MIN_PRICE: "verhoogd tot de minimumprijs",
        AdjustmentKind.MAX_PRICE: "begrensd tot de maximumprijs",
        AdjustmentKind.CEILING: "begrensd tot het gereserveerde bedrag",
        AdjustmentKind.FLOOR: "klein bedrag kwijtgescholden",
    },
)

WORDS: Final[Mapping[Language, Words]] = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "nl": _DUTCH}

SYMBOLS: Final[Mapping[str, str]] = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}
"""Currencies whose sign everybody knows; the others are told by their code."""
