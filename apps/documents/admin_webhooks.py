"""Webhooks in the console: who is told what, what came of it, and sending it again."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.accounts.domain.roles import INTEGRATION_ROLES, SUPPORT_ROLES
from apps.accounts.scope import acting_membership, has_role, operator_of
from apps.accounts.tenant_admin import ActForm, RelatedOnlyFieldListFilter, TenantAdmin, TenantTabular
from apps.core import clock
from apps.documents.domain.events import EventType
from apps.documents.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks import endpoints
from apps.documents.webhooks.endpoints import EndpointRefused, Opened

STATES = {"delivered": "success", "waits": "warning", "given up": "danger"}


class EndpointForm(ActForm):
    url = forms.CharField(
        label="URL",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://example.com/wattledger"}),
        help_text="Where messages are sent by POST. It must begin with https:// and be reachable from the internet.",
    )
    description = forms.CharField(
        max_length=120, required=False, widget=UnfoldAdminTextInputWidget, help_text="For yourselves, e.g. “ERP”."
    )
    event_types = forms.MultipleChoiceField(
        label="What it is told",
        choices=[(event.value, f"{event.value} – {event.meaning}") for event in EventType],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class NewEndpointForm(EndpointForm):
    field_order = ("url", "description", "side", "event_types")

    side = forms.ChoiceField(
        label="Told of",
        choices=WebhookEndpoint.Side.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="Your documents, payments and sessions as the seller; or those you buy elsewhere on this platform.",
    )


class SpanForm(ActForm):
    since = forms.SplitDateTimeField(label="What happened from", widget=UnfoldAdminSplitDateTimeWidget)
    until = forms.SplitDateTimeField(label="until", widget=UnfoldAdminSplitDateTimeWidget)
    only_failed = forms.BooleanField(
        label="Only what was not delivered", required=False, widget=UnfoldBooleanSwitchWidget
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] >= cleaned["until"]:
            self.add_error("until", "Name a later moment: what happened at it and after is left out.")
        return cleaned


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(TenantAdmin):
    empty_hint = (
        "Add an endpoint, and your own systems are told of invoices, payments and sessions the moment they happen, "
        "signed, and again until they answer."
    )
    list_display = ("__str__", "side", "told", "state", "waiting", "answered_at")
    list_filter = ("side", ("switched_off_at", admin.EmptyFieldListFilter))
    search_fields = ("url", "description")
    fields = (
        "url",
        "description",
        ("side", "state"),
        "told",
        ("waiting", "answered_at", "failing_since"),
        "signed_with",
        "switched_off_why",
        ("created_by", "created_at"),
        "deliveries_link",
    )
    readonly_fields = ("state", "told", "waiting", "signed_with", "deliveries_link")
    actions_list = ("add_endpoint",)
    # Six buttons beside each other would leave no room for the endpoint's name.
    actions_detail = (
        "ping",
        "replay_span",
        {"title": "Change", "icon": "edit", "items": ["edit", "new_secret", "switch_off", "switch_on"]},
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        waits = Q(deliveries__delivered_at__isnull=True, deliveries__given_up_at__isnull=True)
        rows = super().get_queryset(request).defer("secret_sealed", "old_secret_sealed")
        return rows.annotate(waits=Count("deliveries", filter=waits))

    @display(
        description="state",
        label={"works": "success", "not tried yet": "info", "fails": "danger", "switched off": "warning"},
    )
    def state(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.switched_off_at is not None:
            return "switched off"
        if endpoint.failures:
            return "fails"
        return "works" if endpoint.answered_at is not None else "not tried yet"

    @admin.display(description="told")
    def told(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.event_types)

    @admin.display(description="waiting", ordering="waits")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waits)

    @admin.display(description="signed with")
    def signed_with(self, endpoint: WebhookEndpoint) -> str:
        until = endpoint.old_secret_until
        if until is None or until <= clock.now():
            return "one secret"
        return f"two secrets: the former still signs until {until:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="log")
    def deliveries_link(self, endpoint: WebhookEndpoint) -> str:
        url = reverse("admin:documents_webhookdelivery_changelist")
        return format_html(
            '<a class="wl-link" href="{}?endpoint__id__exact={}">Everything sent to it</a>', url, endpoint.pk
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        is_off = obj is not None and obj.switched_off_at is not None
        return fields if is_off else [field for field in fields if field != "switched_off_why"]

    def has_integration_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, INTEGRATION_ROLES)

    def has_own_integration_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return acting_membership(request) is not None and has_role(request, INTEGRATION_ROLES)

    def has_replay_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        endpoint = self.get_object(request, str(object_id))
        is_off = endpoint is not None and endpoint.switched_off_at is not None
        hidden = {"ping", "replay-span", "switch-off"} if is_off else {"switch-on"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    @action(description="Add an endpoint", url_path="add-endpoint", permissions=["own_integration"], icon="add_link")
    def add_endpoint(self, request: HttpRequest) -> HttpResponse:
        membership = acting_membership(request)
        assert membership is not None, "the permission asks for one"

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            opened = endpoints.open_endpoint(
                organisation_id=membership.organisation_id, **cleaned, at=clock.now(), by=operator_of(request)
            )
            return self._shown_once(request, opened)

        return self.act(
            request,
            obj=None,
            title="Add an endpoint",
            text="Each message is signed with a secret that is shown once, tried for three days until the endpoint "
            "answers 2xx, and may come twice or in another order. Any library for Standard Webhooks verifies it.",
            submit="Add",
            form_class=NewEndpointForm,
            initial={"side": WebhookEndpoint.Side.SELLER},
            refused=(EndpointRefused,),
            do=do,
        )

    @action(description="Change", url_path="edit", permissions=["integration"], icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            endpoints.change_endpoint(endpoint_id=endpoint.pk, **cleaned)
            self.log_change(request, endpoint, "Changed what it is told, or where.")
            return "Changed. What waits for it goes there too."

        return self.act(
            request,
            obj=endpoint,
            title=f"Change {endpoint}",
            text="What happens from now on is told as you choose here.",
            submit="Save",
            form_class=EndpointForm,
            initial={
                "url": endpoint.url,
                "description": endpoint.description,
                "event_types": endpoint.event_types,
            },
            refused=(EndpointRefused,),
            do=do,
        )

    @action(description="Send a test", url_path="ping", permissions=["replay"], icon="wifi_tethering")
    def ping(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            delivery = endpoints.ping(endpoint_id=endpoint.pk, at=clock.now())
            self.message_user(request, "The test is on its way. Reload this page to see what was answered.")
            return HttpResponseRedirect(reverse("admin:documents_webhookdelivery_change", args=[delivery.pk]))

        return self.act(
            request,
            obj=endpoint,
            title=f"Send a test to {endpoint}",
            text="A message of the type “ping” is sent at once, signed like any other.",
            submit="Send",
            refused=(EndpointRefused,),
            do=do,
        )

    @action(description="Send again", url_path="replay-span", permissions=["replay"], icon="replay")
    def replay_span(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)
        at = clock.now()

        def do(cleaned: dict[str, Any]) -> str:
            count = endpoints.replay_span(endpoint_id=endpoint.pk, **cleaned, at=at)
            return f"{count} messages are sent again." if count else "Nothing of that was told to this endpoint."

        return self.act(
            request,
            obj=endpoint,
            title=f"Send again to {endpoint}",
            text="Messages go out again under their own ids, so that a receiver that remembers ids takes each once. "
            "The log reaches back 90 days.",
            submit="Send again",
            form_class=SpanForm,
            initial={"since": at - timedelta(days=1), "until": at, "only_failed": True},
            refused=(EndpointRefused,),
            do=do,
        )

    @action(description="New secret", url_path="new-secret", permissions=["integration"], icon="key")
    def new_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> HttpResponse:
            self.log_change(request, endpoint, "Made a new secret.")
            return self._shown_once(request, endpoints.renew_secret(endpoint_id=endpoint.pk, at=clock.now()))

        return self.act(
            request,
            obj=endpoint,
            title=f"New secret for {endpoint}",
            text="It is shown once. For 24 hours messages carry a signature of the former secret too, so that you can "
            "change your receiver in peace. If the former was stolen, take it out of your receiver at once.",
            submit="Make a new secret",
            do=do,
        )

    @action(description="Switch off", url_path="switch-off", permissions=["integration"], icon="toggle_off")
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            endpoints.switch_off(endpoint_id=endpoint.pk, why=f"By {operator_of(request)}.", at=clock.now())
            return f"{endpoint} is told nothing any more."

        return self.act(
            request,
            obj=endpoint,
            title=f"Switch off {endpoint}",
            text="It is told nothing any more, and what waits for it is given up. The log stays; switch it on again "
            "whenever you like.",
            submit="Switch off",
            do=do,
        )

    @action(description="Switch on", url_path="switch-on", permissions=["integration"], icon="toggle_on")
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            endpoints.switch_on(endpoint_id=endpoint.pk)
            return f"{endpoint} is told again from now on. Send again what it missed."

        return self.act(
            request,
            obj=endpoint,
            title=f"Switch on {endpoint}",
            text="It is told what happens from now on. What happened meanwhile was not kept for it; read that from the "
            "API.",
            submit="Switch on",
            refused=(EndpointRefused,),
            do=do,
        )

    def _shown_once(self, request: HttpRequest, opened: Opened) -> HttpResponse:
        response = TemplateResponse(
            request,
            "admin/documents/webhook_secret.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Secret of {opened.endpoint}",
                "endpoint": opened.endpoint,
                "secret": opened.secret,
                "back": self.page_of(opened.endpoint),
            },
        )
        response["Cache-Control"] = "no-store"
        return response


class AttemptInline(TenantTabular):
    model = WebhookAttempt
    fields = ("number", "started_at", "took", "address", "status_code", "said", "error")
    readonly_fields = fields
    ordering = ("-number",)
    per_page = 25

    @display(description="took")
    def took(self, attempt: WebhookAttempt) -> str:
        return f"{attempt.duration_ms} ms"

    @display(description="answer")
    def said(self, attempt: WebhookAttempt) -> str:
        return format_html('<code class="wl-code">{}</code>', attempt.answer[:500]) if attempt.answer else "–"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantAdmin):
    empty_hint = "Once an endpoint is told something, it stands here with what was sent and what was answered."
    list_display = ("event_type", "subject", "endpoint", "state", "attempts", "occurred_at", "delivered_at")
    list_filter = (
        "event_type",
        ("endpoint", RelatedOnlyFieldListFilter),
        ("delivered_at", admin.EmptyFieldListFilter),
        ("given_up_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("endpoint",)
    search_fields = ("key", "uid__exact")
    date_hierarchy = "occurred_at"
    fields = (
        ("event_type", "state"),
        "endpoint",
        "message",
        ("occurred_at", "delivered_at", "given_up_at"),
        ("attempts", "next_attempt_at"),
        "error",
    )
    readonly_fields = ("state", "message")
    inlines = (AttemptInline,)
    actions_detail = ("replay",)

    @display(description="state", label=STATES)
    def state(self, delivery: WebhookDelivery) -> str:
        if delivery.delivered_at is not None:
            return "delivered"
        return "waits" if delivery.given_up_at is None else "given up"

    @admin.display(description="about")
    def subject(self, delivery: WebhookDelivery) -> str:
        data = json.loads(delivery.body)["data"]
        return str(data.get("number") or data.get("station") or data.get("uid") or data.get("session") or "–")

    @admin.display(description="what is sent")
    def message(self, delivery: WebhookDelivery) -> str:
        headers = [("webhook-id", delivery.message_id), ("content-type", "application/json")]
        lines = format_html_join("\n", "{}: {}", headers)
        body = json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False)
        return format_html(
            '<div class="wl-frame"><pre>POST {}\n{}\n\n{}</pre></div>', delivery.endpoint.url, lines, body
        )

    def has_replay_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request, SUPPORT_ROLES)

    @action(description="Send again", url_path="replay", permissions=["replay"], icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            endpoints.replay(delivery_id=delivery.pk, at=clock.now())
            return "It is sent again. Reload this page to see what was answered."

        return self.act(
            request,
            obj=delivery,
            title=f"Send {delivery.event_type} again",
            text="The same message goes out under its own id, so that a receiver that remembers ids takes it once.",
            submit="Send again",
            refused=(EndpointRefused,),
            do=do,
        )
