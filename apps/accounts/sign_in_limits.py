"""How often a password may be tried, or a link for a new one asked for: by one network for one account, and for all.

Only the network that guesses has to wait, and only for minutes, so that nobody can lock the real person out from
elsewhere. An account that does not exist is counted like one that does.
"""

import logging
from datetime import datetime
from hashlib import sha256
from typing import Final

from django.core.cache import cache
from redis.exceptions import RedisError

from apps.core.domain.networks import network_of

log = logging.getLogger(__name__)

WINDOW_S: Final = 15 * 60
TRIES_AN_ACCOUNT: Final = 10
TRIES_A_NETWORK: Final = 100


def count_try(*, email: str, address: str, at: datetime, what: str = "sign-in") -> int:
    """Count a try before it is looked at; return for how many seconds it has to wait, 0: it may go on.

    what  is tried; each is counted by itself, so that whoever guessed too often may still ask for a link
    """
    window, gone = divmod(int(at.timestamp()), WINDOW_S)
    of_account, of_network = _keys(email, address, window, what)
    # Both are counted whatever the other says.
    tries, all_tries = _count(of_account), _count(of_network)
    return WINDOW_S - gone if tries > TRIES_AN_ACCOUNT or all_tries > TRIES_A_NETWORK else 0


def forget_tries(*, email: str, address: str, at: datetime) -> None:
    """Begin anew for an account whose password was right; its network is counted on."""
    try:
        cache.delete(_keys(email, address, int(at.timestamp()) // WINDOW_S, "sign-in")[0])
    except RedisError as error:
        log.warning("sign-ins are not counted: %s", error)


def _keys(email: str, address: str, window: int, what: str) -> tuple[str, str]:
    network = network_of(address)
    of_account = sha256(f"{email.strip().lower()}\n{network}".encode()).hexdigest()[:32]
    return f"{what}:{of_account}:{window}", f"{what}-network:{sha256(network.encode()).hexdigest()[:32]}:{window}"


def _count(key: str) -> int:
    try:
        cache.add(key, 0, timeout=WINDOW_S)
        return cache.incr(key)
    except (RedisError, ValueError) as error:
        # Whoever knows the password gets in while the cache is away; a key may also go between the two calls.
        log.warning("sign-ins are not counted: %s", error)
        return 0
