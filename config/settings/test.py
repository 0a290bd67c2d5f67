"""The suite: the development stack with fast password hashing and nothing that leaves the machine."""

import os

# Before the rest is read: runs of the suite, and the processes a journey starts, share keys with nobody else.
os.environ.setdefault("NAMESPACE", f"test-{os.getpid()}")

from config.settings.development import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True

# A commit is not waited for until it is on the disk: the suite kills our processes, never PostgreSQL, and half
# of its time would go there.
DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"  # noqa: F405
