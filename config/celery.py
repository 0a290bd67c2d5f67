"""The Celery application. Tasks are alarm clocks, rows are the truth; the sweepers in beat make every bell certain."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

app = Celery("wattledger")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect  # type: ignore[untyped-decorator]
def schedule_sweepers(sender: Celery, **_: object) -> None:
    """Fill beat's schedule from the list of bells."""
    from config.bells import SWEEPERS

    sender.conf.beat_schedule = {
        name: {"task": name, "schedule": seconds, "options": {"expires": seconds * 2}}
        for name, seconds in SWEEPERS.items()
    }
