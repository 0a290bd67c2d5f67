"""How many sockets a process may hold: each is an open file, and many a shell allows 1,024."""

import resource
from typing import Final

_BESIDE_SOCKETS: Final = 200
"""Libraries, logs, connections to database and broker."""


class TooFewFilesError(Exception):
    """The process may not open as many files; the message says how many it may and how to raise that."""


def allow_sockets(count: int) -> None:
    """Raise this process's soft limit of open files, which its children inherit, so that ``count`` sockets fit.

    :raises TooFewFilesError: the hard limit is lower
    """
    needed = count + _BESIDE_SOCKETS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFilesError(
            f"{count} sockets need {needed} open files and the hard limit is {hard}; raise it as root with"
            f" ``ulimit -Hn {needed}`` or in /etc/security/limits.conf (nofile)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
