"""Reading id tokens: which one a station means, and what it is worth."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from apps.contracts.domain.tokens import TokenVerdict, judge_token, normalise_uid
from apps.contracts.models import Contract, IdToken


class TokenQuery(NamedTuple):
    """A token as a station of ``seller_id`` sent it, and the instant it is asked about."""

    seller_id: int
    uid: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFinding:
    """The token with its contract and vehicle loaded, unless it is unknown, and what it is worth."""

    token: IdToken | None
    verdict: TokenVerdict


def find_token(*, seller_id: int, uid: str, at: datetime) -> TokenFinding:
    """Find a token among the seller's and tell whether its contract lets it charge at ``at``."""
    return find_tokens([TokenQuery(seller_id, uid, at)])[0]


def find_tokens(queries: Iterable[TokenQuery]) -> list[TokenFinding]:
    """Find tokens in one query, in order; see ``find_token``."""
    wanted = [TokenQuery(query.seller_id, normalise_uid(query.uid), query.at) for query in queries]
    known: dict[tuple[int, str], IdToken] = {}
    if any(query.uid for query in wanted):
        tokens = IdToken.objects.filter(
            seller_id__in={query.seller_id for query in wanted}, uid__in={query.uid for query in wanted}
        )
        tokens = tokens.exclude(status=IdToken.Status.RETIRED).order_by()
        for token in tokens.select_related("contract__customer", "contract__tier", "contract__payer_policy", "vehicle"):
            known[token.seller_id, token.uid] = token
    return [_judge(known.get((query.seller_id, query.uid)), query.at) for query in wanted]


def _judge(token: IdToken | None, at: datetime) -> TokenFinding:
    if token is None:
        return TokenFinding(token=None, verdict=TokenVerdict.UNKNOWN)
    verdict = judge_token(
        is_active=token.status == IdToken.Status.ACTIVE,
        contract_status=token.contract.status,
        valid_from=token.contract.valid_from,
        valid_to=token.contract.valid_to,
        at=at,
        own_from=token.valid_from,
        own_to=token.valid_to,
    )
    return TokenFinding(token=token, verdict=verdict)


def cards_in_force(at: datetime) -> QuerySet[IdToken]:
    """Return the cards that may charge at ``at``: active, within their time, in an active contract within its."""
    is_open = Q(contract__valid_to__isnull=True) | Q(contract__valid_to__gt=at)
    is_own_time = (Q(valid_from__isnull=True) | Q(valid_from__lte=at)) & (Q(valid_to__isnull=True) | Q(valid_to__gt=at))
    cards: QuerySet[IdToken] = IdToken.objects.filter(
        is_open,
        is_own_time,
        status=IdToken.Status.ACTIVE,
        contract__status=Contract.Status.ACTIVE,
        contract__valid_from__lte=at,
    )
    return cards
