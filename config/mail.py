"""Where mails go: one URL, ``EMAIL_URL``, into Django's settings.

``smtp://user:password@host:587`` speaks STARTTLS, ``smtps://…:465`` TLS from the start, ``smtp+plain://host:25``
neither (a relay on the same machine), ``file:///folder`` keeps each mail as a file.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


def mail_settings(url: str, *, sender: str) -> dict[str, Any]:
    """Return the settings for ``url``; without one mails are kept and wait.

    :raises ImproperlyConfigured: the URL is of no kind that is known
    """
    settings: dict[str, Any] = {"SENDS_MAILS": bool(url), "DEFAULT_FROM_EMAIL": sender, "EMAIL_TIMEOUT": 10}
    if not url:
        return settings
    parts = urlsplit(url)
    if parts.scheme == "file":
        backend = "django.core.mail.backends.filebased.EmailBackend"
        return settings | {"EMAIL_BACKEND": backend, "EMAIL_FILE_PATH": unquote(parts.path)}
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must be smtp://, smtps://, smtp+plain:// or file:// with its place.")
    return settings | {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or _PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }
