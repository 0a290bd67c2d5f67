"""Production: refuses to start on a default secret, on embedded services, or live without webhook secrets."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import (
    LIVE,
    PUBLIC_URL,
    SANDBOX_WEBHOOK_SECRET,
    STRIPE_API_BASE,
    STRIPE_WEBHOOK_SECRETS,
    database,
    env,
    redis_settings,
)


def required(name: str, why: str) -> str:
    if not (value := env(name)):
        raise ImproperlyConfigured(f"{name} is not set: {why}")
    return value


SECRET_KEY = required("SECRET_KEY", "production needs a secret of its own (50 random characters or more).")
if SECRET_KEY.startswith("insecure-") or len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is a default or shorter than 50 characters: set a random one.")
STATION_KEY_SECRET = required("STATION_KEY_SECRET", "the keys of chargers are hashed under it.")
if STATION_KEY_SECRET.startswith("insecure-") or len(STATION_KEY_SECRET) < 50:
    raise ImproperlyConfigured("STATION_KEY_SECRET is a default or shorter than 50 characters: set a random one.")
if required("ALLOWED_HOSTS", "name the hosts served, by comma.") == "*":
    raise ImproperlyConfigured("ALLOWED_HOSTS names every host: list those served, since links are built from them.")
DATABASES = database(required("DATABASE_URL", "production never runs on embedded services."))
globals().update(redis_settings(required("REDIS_URL", "production never runs on embedded services.")))

required("PUBLIC_URL", "links in mails and on stickers start with it.")
if not PUBLIC_URL.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_URL must start with https://.")
required("STRIPE_SECRET_KEY", "payments need Stripe's key.")
if LIVE and not STRIPE_WEBHOOK_SECRETS:
    raise ImproperlyConfigured("STRIPE_WEBHOOK_SECRETS is not set: live mode never runs on unverified webhooks.")
if LIVE and SANDBOX_WEBHOOK_SECRET in STRIPE_WEBHOOK_SECRETS:
    raise ImproperlyConfigured("STRIPE_WEBHOOK_SECRETS holds the sandbox's, which everybody knows: use Stripe's.")
if LIVE and STRIPE_API_BASE:
    raise ImproperlyConfigured("STRIPE_API_BASE is set together with a live key: live calls go to Stripe only.")

# Staff move money and stations: a password alone is not enough. "0" is for a trial without phones.
SECOND_FACTOR_REQUIRED = env("SECOND_FACTOR_REQUIRED", "1") == "1"

SECURE_SSL_REDIRECT = env("SECURE_SSL_REDIRECT", "1") == "1"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
