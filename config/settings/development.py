"""A fresh machine: real PostgreSQL and Valkey from wheels unless DATABASE_URL or REDIS_URL name others."""

from apps.core.embedded import ensure_services
from config.mail import mail_settings
from config.settings.base import *  # noqa: F403
from config.settings.base import (
    BASE_DIR,
    LIVE,
    SANDBOX_SECRET_KEY,
    SANDBOX_WEBHOOK_SECRET,
    database,
    env,
    env_list,
    redis_settings,
)

services = ensure_services(var=BASE_DIR / "var", postgres=not env("DATABASE_URL"), valkey=not env("REDIS_URL"))
# Child processes (workers, chargers of the demo) join the same servers through the same two variables.
DATABASES = database(env("DATABASE_URL") or str(services.database_url))
globals().update(redis_settings(env("REDIS_URL") or str(services.redis_url)))

DEBUG = env("DEBUG") == "1"
if not env("EMAIL_URL"):
    globals().update(mail_settings(f"file://{BASE_DIR}/var/mail", sender=env("MAIL_FROM", "wattledger@localhost")))
# The double's key and secret: a real key in the environment wins (docs/sandbox.md).
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY", SANDBOX_SECRET_KEY)
# Everybody knows the double's secret: beside a live key it would let anybody sign.
STRIPE_WEBHOOK_SECRETS = env_list("STRIPE_WEBHOOK_SECRETS", "" if LIVE else SANDBOX_WEBHOOK_SECRET)
WEBHOOKS_TO_LOCALHOST = True
