"""The language of the page that is being made, as prices are told in it."""

from typing import Final, cast, get_args

from django.utils.translation import get_language

from apps.tariffs.domain.wording import Language

_SPOKEN: Final = frozenset(get_args(Language))


def page_language() -> Language:
    """Return the page's language without its region; English where prices are not told in it."""
    language = (get_language() or "en").split("-")[0]
    return cast("Language", language) if language in _SPOKEN else "en"
