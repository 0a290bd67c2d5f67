"""Stripe's form encoding: ``a[b][0]=x`` read into nested dictionaries.

Everything stays text here, and lists stay dictionaries of indices (``{"0": …}``): only the declared type of a
parameter says whether ``[0]`` is a position or a key. ``checks`` knows the types.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from apps.payments.sandbox.errors import CallerMistake

_KEY = re.compile(r"[^\[\]]+")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> dict[str, Any]:
    """Decode a form body or a query string.

    :raises CallerMistake: a key is used both as a value and as a group, or is no bracketed key at all
    """
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        _put(tree, _path(key), value, key)
    return tree


def _path(key: str) -> list[str]:
    head = _KEY.match(key)
    if head is None:
        raise CallerMistake(f"Invalid parameter name: {key}", param=key)
    rest = key[head.end() :]
    parts = _PART.findall(rest)
    if "".join(f"[{part}]" for part in parts) != rest:
        raise CallerMistake(f"Invalid parameter name: {key}", param=key)
    return [head.group(), *parts]


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    """Put a value at its path; an empty part (``expand[]``) means the next position."""
    for part in path[:-1]:
        tree = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise CallerMistake(f"{key} is given both as a value and as a group.", param=key)
    last = path[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise CallerMistake(f"{key} is given both as a value and as a group.", param=key)
    tree[last] = value
