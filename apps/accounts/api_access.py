"""How other systems enter the API: a key in ``Authorization``, what it may read, and how often it may ask."""

import logging
from typing import Any, Final

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis.exceptions import RedisError
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from apps.accounts.api_keys import find_key
from apps.accounts.domain.roles import Role
from apps.accounts.models import ApiKey, Membership
from apps.core.clock import now

log = logging.getLogger(__name__)


class KeyHolder:
    """Stands where a request has its user: a system is nobody who signs in, and never the platform's operator."""

    is_authenticated: Final = True
    is_active: Final = True
    is_anonymous: Final = False
    is_staff: Final = False
    is_superuser: Final = False
    pk: Final = None
    id: Final = None

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __str__(self) -> str:
        return f"API key {self.key.beginning}…"


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer wl_…``; the request then acts as a reader of the key's side of its organisation."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        key = find_key(words[1].decode(errors="replace"), at=now()) if len(words) == 2 else None
        if key is None:
            raise AuthenticationFailed("This key is unknown, was revoked, or ended with its maker's membership.")
        role = Role.FLEET_USER if key.is_customers else Role.READ_ONLY
        membership = Membership(organisation=key.organisation, role=role)
        request._request.get_membership = lambda: membership  # type: ignore[attr-defined]
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key made in console or portal."}


class HasScope(BasePermission):
    """A key reads what its scopes name; people read what their role reads. A view names its ``scope``; the root, which
    only lists addresses, has none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "scope", None)
        if scope is None or not isinstance(request.auth, ApiKey):
            return True
        self.message = f"This key may not read this: it needs the scope “{scope}”."
        return scope in request.auth.scopes


class ApiThrottle(SimpleRateThrottle):
    """Counts by key or person; while the cache is away nobody is counted."""

    scope = "api"

    def get_cache_key(self, request: Request, view: Any) -> str:
        holder = request.user
        who = f"key:{holder.key.pk}" if isinstance(holder, KeyHolder) else f"user:{holder.pk}"
        return f"api:{who}"

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except (RedisError, OSError) as error:
            log.warning("requests to the API are not counted: %s", error)
            return True


class NewestFirst(CursorPagination):
    """Pages by cursor, so that rows that come meanwhile shift nothing; a view may name another ``ordering``."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = ("-pk",)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(getattr(view, "ordering", self.ordering))


class StrictFilters(DjangoFilterBackend):
    """Refuses a filter that there is not: a misspelt one would answer with everything."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filterset = self.get_filterset_class(view, queryset)
        known = {"limit", "cursor", *(filterset.base_filters if filterset else ())}
        if unknown := sorted(set(request.query_params) - known):
            raise ValidationError(
                {name: f"There is no such filter; these are: {', '.join(sorted(known))}." for name in unknown}
            )
        return super().filter_queryset(request, queryset, view)
