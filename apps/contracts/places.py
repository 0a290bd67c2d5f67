"""What each rank means for one question: whose card, in which tier and site group, at which connector."""

from datetime import datetime

from apps.contracts.domain.precedence import Rank
from apps.contracts.domain.reasons import Place
from apps.contracts.models import IdToken, MembershipTier, SiteGroup
from apps.stations.models import Evse


def places_of(*, token: IdToken | None, evse: Evse, group: SiteGroup | None, at: datetime) -> dict[Rank, Place]:
    """Return what every rank means, by id and in words.

    token  known to the seller there, with contract and tier loaded; None: nobody is known
    evse   with station and location loaded · group  of its location at that moment
    """
    station = evse.station
    contract, tier = _contract_place(token), _tier_place(token, at)
    grouped = (
        Place(place_ids=(group.pk,), words=f"the site group “{group}”")
        if group is not None
        else Place(place_ids=None, words=f"The location {station.location} is in no site group.")
    )
    return {
        Rank.CONTRACT_AT_GROUP: _joined(contract, grouped, group),
        Rank.CONTRACT: contract,
        Rank.TIER_AT_GROUP: _joined(tier, grouped, group),
        Rank.TIER: tier,
        Rank.EVSE: Place(place_ids=(evse.pk,), words=f"the EVSE {evse}"),
        Rank.STATION: Place(place_ids=(station.pk,), words=f"the station {station}"),
        Rank.LOCATION: Place(place_ids=(station.location_id,), words=f"the location {station.location}"),
        Rank.GROUP: grouped,
        Rank.DEFAULT: Place(place_ids=(), words="the owner's default"),
    }


def tier_in_force(token: IdToken | None, at: datetime) -> MembershipTier | None:
    """Return the tier of the token's contract, while it is in force."""
    tier = token.contract.tier if token is not None and token.contract.tier_id is not None else None
    return tier if tier is not None and tier.is_in_force(at) else None


def _contract_place(token: IdToken | None) -> Place:
    if token is None:
        return Place(place_ids=None, words="Nobody is known to the seller here, so no contract counts.")
    return Place(place_ids=(token.contract_id,), words=f"the contract {token.contract.number}")


def _tier_place(token: IdToken | None, at: datetime) -> Place:
    tier = tier_in_force(token, at)
    if tier is not None:
        return Place(place_ids=(tier.pk,), words=f"the membership tier “{tier}”")
    if token is None:
        return Place(place_ids=None, words="Without a contract there is no membership tier.")
    if token.contract.tier_id is not None:
        words = f"The membership tier “{token.contract.tier}” is not in force at that time."
        return Place(place_ids=None, words=words)
    return Place(place_ids=None, words=f"The contract {token.contract.number} is in no membership tier.")


def _joined(who: Place, where: Place, group: SiteGroup | None) -> Place:
    """Return what is agreed with somebody at a group's sites; where either is missing, the sentence that says so."""
    if who.place_ids is None or where.place_ids is None:
        return who if who.place_ids is None else where
    return Place(place_ids=(*who.place_ids, *where.place_ids), words=f"{who.words} at sites of “{group}”")
