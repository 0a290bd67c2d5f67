"""The pages of drivers and customers say the same in each language."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from config.settings import base

LOCALE = Path(base.BASE_DIR) / "locale"
LANGUAGES = [code for code, _ in base.LANGUAGES if code != base.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd%]|\{\w*\}|</?[a-z]+")


def words_of(language: str) -> dict[Any, Any]:
    """Return the messages of a language by context and English words."""
    path = LOCALE / language / "LC_MESSAGES" / "django.po"
    messages = read_po(BytesIO(path.read_bytes()), locale=language)
    return {(message.context, key_of(message)): message for message in messages if message.id}


def key_of(message: Any) -> tuple[str, ...]:
    """Return its English words, singular and plural."""
    return forms(message.id)


def forms(said: Any) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, tuple | list) else (said,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_all_that_the_others_say(language):
    missing = {key for each in LANGUAGES for key in words_of(each)} - words_of(language).keys()

    assert missing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_unsaid_or_guessed(language):
    unsaid = [key for key, message in words_of(language).items() if message.fuzzy or not all(forms(message.string))]

    assert unsaid == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_filled_in_has_its_place_in_each_sentence(language):
    wrong = [
        (key, said)
        for key, message in words_of(language).items()
        for said in forms(message.string)
        if sorted(set(PLACEHOLDER.findall(said))) != sorted(set(PLACEHOLDER.findall(forms(message.id)[-1])))
    ]

    assert wrong == []


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_what_is_compiled_is_what_is_written(language):
    path = LOCALE / language / "LC_MESSAGES" / "django.mo"
    compiled = {
        (message.context, key_of(message)): forms(message.string)
        for message in read_mo(BytesIO(path.read_bytes()))
        if message.id
    }

    assert compiled == {key: forms(message.string) for key, message in words_of(language).items()}
