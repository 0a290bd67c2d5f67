"""What every way of running shares. Everything that differs comes from the environment (README, "Settings")."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.logs import logging_settings
from config.mail import mail_settings

BASE_DIR = Path(__file__).resolve().parents[2]


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def database(url: str) -> dict[str, Any]:
    """Return DATABASES for one PostgreSQL; ``DATABASE_POOL`` > 0 gives the process a pool of that size."""
    config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    if config["ENGINE"] != "django.db.backends.postgresql":
        raise RuntimeError("DATABASE_URL must name a PostgreSQL database (postgres://…); there is no other path.")
    config["OPTIONS"] = {"options": f"-c statement_timeout={env('DATABASE_STATEMENT_TIMEOUT_MS', '30000')}"}
    config["TEST"] = {"NAME": env("WATTLEDGER_TEST_DB", "test_wattledger")}
    if pool_size := int(env("DATABASE_POOL", "0")):
        # Threads of an ASGI process come and go, so persistent connections would pile up there.
        config["CONN_MAX_AGE"] = 0
        config["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return {"default": config}


def redis_settings(url: str) -> dict[str, Any]:
    """Return the settings that hang on the one Redis URL; NAMESPACE keeps two installations apart on it."""
    return {
        "REDIS_URL": url,
        "CHANNEL_LAYERS": {
            "default": {
                # Not the core layer: it dies on sockets that idle (docs/decisions.md). At most once: a wake-up only.
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [url], "prefix": NAMESPACE},
            }
        },
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": url,
                "KEY_PREFIX": NAMESPACE,
            }
        },
        "CELERY_BROKER_URL": url,
    }


NAMESPACE = env("NAMESPACE", "wattledger")
DEBUG = False
SECRET_KEY = env("SECRET_KEY", "insecure-development-key-never-for-production-0123456789")
# Keys of chargers are stored as HMAC-SHA-256 under this key; rotating it means new station keys.
STATION_KEY_SECRET = env("STATION_KEY_SECRET", SECRET_KEY)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Whose X-Forwarded-… and client certificate headers count: addresses and networks. uvicorn goes by the same variable;
# for chargers nobody is trusted where it is unset.
TRUSTED_PROXIES = env_list("FORWARDED_ALLOW_IPS")
CLIENT_CERTIFICATE_HEADER = env("CLIENT_CERTIFICATE_HEADER", "X-Client-Cert-Subject")
PUBLIC_URL = env("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# Thirteen and six months: how long raw frames, and the course of sessions that nobody is billed for, are kept.
FRAMES_KEPT_DAYS = int(env("FRAMES_KEPT_DAYS", "397"))
UNBILLED_KEPT_DAYS = int(env("UNBILLED_KEPT_DAYS", "184"))

STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRETS = env_list("STRIPE_WEBHOOK_SECRETS")
STRIPE_API_BASE = env("STRIPE_API_BASE")
STRIPE_ACCOUNT_OWNER = env("STRIPE_ACCOUNT_OWNER")
LIVE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
# Of the Stripe double, known to everybody; good for nothing but test mode.
SANDBOX_WEBHOOK_SECRET = "whsec_wattledger"  # noqa: S105
SANDBOX_SECRET_KEY = "sk_test_wattledger"  # noqa: S105

# Alerts and documents. Without a server mails are kept, wait, and the audit says so.
SENDS_MAILS = False
globals().update(mail_settings(env("EMAIL_URL"), sender=env("MAIL_FROM", "wattledger@localhost")))

# Webhooks go to public addresses by https. A developer's own machine will do too where this is set.
WEBHOOKS_TO_LOCALHOST = False

# The most that is held on a driver's card; a currency without an entry takes no card at the charger.
ADHOC_HOLD_MAX = {
    currency: Decimal(amount)
    for currency, amount in (
        part.split("=") for part in env_list("ADHOC_HOLD_MAX", "EUR=60.00,CHF=60.00,GBP=50.00,USD=65.00")
    )
}

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # The pages of the second factor write days with it.
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "djmoney",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "pgtrigger",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "config",
    "apps.core",
    "apps.accounts",
    "apps.stations",
    "apps.tariffs",
    "apps.ledger",
    "apps.documents",
    "apps.contracts",
    "apps.sessions.apps.SessionsConfig",
    "apps.ocpp",
    "apps.invoices",
    "apps.payments",
    "apps.analytics",
    "apps.accounting",
    "apps.portal",
    "apps.adhoc",
    "apps.console",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.RelaxAdminPolicy",
    "config.middleware.RefuseNul",
    "config.middleware.ApiEtags",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.SecondFactorForStaff",
    "apps.accounts.middleware.NotedSignIns",
    "apps.accounts.middleware.CurrentMembership",
    "apps.console.middleware.OwnClock",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.sensitive.AskAgain",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "portal:login"
LOGIN_REDIRECT_URL = "root"
# Seconds for which the link to a new password is good; its mail says so.
PASSWORD_RESET_TIMEOUT = 60 * 60
LOGOUT_REDIRECT_URL = "portal:login"
# Second factors are allauth's; everything else of signing in is ours (docs/sign-in.md).
ACCOUNT_ADAPTER = "apps.accounts.second_factors.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
MFA_ADAPTER = "apps.accounts.second_factors.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Wattledger"
# A clock that is half a minute off still signs in.
MFA_TOTP_TOLERANCE = 1
SECOND_FACTOR_REQUIRED = env("SECOND_FACTOR_REQUIRED") == "1"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("fr", _("French")), ("nl", _("Dutch"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "UTC"
DEFAULT_CURRENCY = None

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

# A tariff of 100 rows, each with all its days ticked, is 4,000 fields; the size of a request stays bounded besides.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        # Without Stripe's host Chromium silently blocks the redirect from our form to hosted Checkout.
        "form-action": [SELF, "https://checkout.stripe.com", *([STRIPE_API_BASE] if STRIPE_API_BASE else [])],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.api_access.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "apps.accounts.api_access.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.accounts.api_access.ApiThrottle"],
    "DEFAULT_THROTTLE_RATES": {"api": "600/min"},
    "DEFAULT_FILTER_BACKENDS": ["apps.accounts.api_access.StrictFilters"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "apps.accounts.api_access.NewestFirst",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wattledger API",
    "DESCRIPTION": "Sessions and their prices, documents, payments and contracts, each visible to its own tenant only.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "DocumentKind": "apps.invoices.models.Invoice.Kind",
        "DocumentStatus": "config.api.DOCUMENT_STATUSES",
        "DisputeStatus": "config.api.DISPUTE_STATUSES",
        "SessionStatus": "config.api.SESSION_STATUSES",
        "ConnectorStatus": "config.api.CONNECTOR_STATUSES",
        "PaymentStatus": "config.api.PAYMENT_STATUSES",
        "PaymentKind": "apps.payments.models.Payment.Kind",
        "ContractStatus": "config.api.CONTRACT_STATUSES",
        "TokenStatus": "config.api.TOKEN_STATUSES",
        "CustomerKind": "apps.contracts.models.Customer.Kind",
    },
}

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "wattledger"
# Other people's servers answer when they like: whoever waits for them keeps no other work waiting.
WEBHOOK_QUEUE = "wattledger-webhooks"
# A file takes a quarter of a second of a core: the files of a billing run keep no payment and no driver waiting.
PRINT_QUEUE = "wattledger-printing"
PRINT_TASKS = (
    "invoices.render_document",
    "invoices.sweep_undocumented",
    "payments.print_letter",
    "payments.print_receipts",
    "accounting.render_statement",
    "accounting.render_home_statement",
)
CELERY_TASK_ROUTES = {
    "documents.send_webhooks": {"queue": WEBHOOK_QUEUE},
    **{task: {"queue": PRINT_QUEUE} for task in PRINT_TASKS},
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{NAMESPACE}:", "visibility_timeout": 3600}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

UNFOLD = {
    "SITE_TITLE": "Wattledger",
    "SITE_HEADER": "Wattledger",
    "SITE_SUBHEADER": _("Operator console"),
    "SITE_SYMBOL": "ev_station",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/wattledger.svg")},
    ],
    "STYLES": [lambda request: static("css/console.css")],
    "SCRIPTS": [lambda request: static("js/names.js")],
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "apps.console.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "#effaf7",
            "100": "#d3f1e9",
            "200": "#a8e3d5",
            "300": "#74cfbc",
            "400": "#45b5a0",
            "500": "#259a86",
            "600": "#0b6e5f",
            "700": "#0a5c50",
            "800": "#0b4a41",
            "900": "#0b3e37",
            "950": "#042420",
        },
    },
    "DASHBOARD_CALLBACK": "apps.console.home.dashboard",
    "ACCOUNT": {"navigation": "apps.console.navigation.account"},
    "LOGIN": {"redirect_after": reverse_lazy("admin:index")},
}

LOGGING = logging_settings(level=env("LOG_LEVEL", "INFO"), request_level=env("REQUEST_LOG_LEVEL", "WARNING"))

# The list of bells is the composition's; core only knows where to find it.
BELLS = "config.bells.BELLS"
