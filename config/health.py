"""Liveness and readiness."""

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError


def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process answers at all."""
    return HttpResponse("ok", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 once database (migrated) and broker answer, else 503 with what does not."""
    problems = {}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            problems["database"] = "migrations are missing: run manage.py migrate"
    except DatabaseError as error:
        problems["database"] = str(error)
    try:
        cache.set("readyz", "1", 5)
    except (RedisError, OSError) as error:
        problems["redis"] = str(error)
    return JsonResponse({"ready": not problems, **problems}, status=503 if problems else 200)
