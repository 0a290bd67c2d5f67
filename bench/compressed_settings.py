"""The benchmarks' settings with files named, compressed and kept as in production; ``collectstatic`` comes first."""

from bench.settings import *  # noqa: F403
from bench.settings import BASE_DIR

STATIC_ROOT = BASE_DIR / "var" / "bench-static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
