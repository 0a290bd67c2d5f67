"""Why a price applies, in a sentence for the customer who pays it."""

from django.utils.translation import gettext as _

from apps.contracts.domain.precedence import Rank
from apps.contracts.services import TariffExplanation


def why_in_words(explanation: TariffExplanation) -> str:
    """Say in the reader's language what decided: their contract, its tier, the sites' group or the place."""
    assert explanation.decided_by is not None, "only what decided is told"
    group, tier = {"group": explanation.group}, {"tier": explanation.tier}
    match explanation.decided_by.rank:
        case Rank.CONTRACT_AT_GROUP:
            return _("Agreed in your contract for sites of %(group)s.") % group
        case Rank.CONTRACT:
            return _("Agreed in your contract.")
        case Rank.TIER_AT_GROUP:
            return _("For members of %(tier)s at sites of %(group)s.") % {**tier, **group}
        case Rank.TIER:
            return _("For members of %(tier)s.") % tier
        case Rank.GROUP:
            return _("The price for everybody at sites of %(group)s.") % group
        case Rank.DEFAULT:
            return _("The operator's usual price.")
        case Rank.EVSE | Rank.STATION | Rank.LOCATION:
            return _("The price for everybody at this place.")
