"""Tasks and queues: what is named exists, and somebody works it off, by the Procfile and by `make run` alike."""

import re

from django.conf import settings

from config.bells import BELLS, SWEEPERS
from config.celery import app
from config.processes import worker_command

QUEUES = {settings.CELERY_TASK_DEFAULT_QUEUE} | {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}


def test_every_task_that_a_bell_a_sweeper_or_a_route_names_exists():
    app.loader.import_default_modules()

    named = {task for tasks in BELLS.values() for task in tasks} | set(SWEEPERS) | set(settings.CELERY_TASK_ROUTES)

    assert named - set(app.tasks) == set()


def test_every_queue_has_a_process_in_the_procfile():
    workers = re.findall(r"celery --app config worker.*", (settings.BASE_DIR / "Procfile").read_text())

    worked_off = [re.search(r"--queues (\S+)", worker) for worker in workers]

    assert {found[1] if found else settings.CELERY_TASK_DEFAULT_QUEUE for found in worked_off} == QUEUES


def test_the_one_worker_of_a_single_machine_works_off_every_queue():
    assert set(worker_command()[-1].split(",")) == QUEUES
