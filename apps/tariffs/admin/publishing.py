"""Publishing, withdrawing and ending a version: each asks first and says what the linter found."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from apps.accounts.scope import operator_of
from apps.accounts.tenant_admin import ActForm, TenantAdmin
from apps.core import clock
from apps.tariffs import services
from apps.tariffs.domain.lint import Profile
from apps.tariffs.models import TariffVersion
from apps.tariffs.selectors import findings_of

PROFILE_WORDS = {
    Profile.AD_HOC_FROM_50_KW: "Drivers without a contract pay by it at 50 kW and more",
    Profile.AD_HOC_BELOW_50_KW: "Drivers without a contract pay by it below 50 kW",
    Profile.US_KWH_ONLY: "It applies where electricity is sold by the kWh alone (parts of the US)",
    Profile.CALIBRATION_LAW: "Its meters are calibrated for energy alone (German Eichrecht)",
}


def moment_field(label: str, *, required: bool, help_text: str) -> forms.DateTimeField:
    """Return a field for an instant on the acting organisation's wall clock."""
    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
    return forms.DateTimeField(label=label, required=required, widget=widget, help_text=help_text)


class PublishForm(forms.Form):
    edit_no = forms.IntegerField(widget=forms.HiddenInput)
    valid_from = moment_field("Effective from", required=False, help_text="")
    profiles = forms.MultipleChoiceField(
        label="Rules to be checked besides",
        choices=[(profile.value, PROFILE_WORDS[profile]) for profile in Profile],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    accept_warnings = forms.BooleanField(
        label="Publish anyway: I have read the warnings", required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_from"].help_text = (
            f"Wall clock of {timezone.get_current_timezone_name()}. Empty: now, or with the next full minute where "
            "another version is in force. That version ends then."
        )

    def chosen_profiles(self) -> tuple[Profile, ...]:
        sent = self.data.getlist("profiles") if hasattr(self.data, "getlist") else []
        return tuple(profile for profile in Profile if profile.value in sent)


class EndForm(ActForm):
    valid_to = moment_field("Ends at", required=True, help_text="")


class PublishPages(TenantAdmin):
    """The acts on a version that decide when it prices sessions."""

    @action(description="Publish", url_path="publish", permissions=["prices"], icon="publish")
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)
        if not version.is_draft:
            return HttpResponseRedirect(self.page_of(version))
        sent = request.POST if request.method == "POST" and "edit_no" in request.POST else None
        form = PublishForm(sent, initial={"edit_no": version.edit_no})
        if sent is not None and form.is_valid() and (response := self._publish(request, version, form)):
            return response
        begins = form.cleaned_data.get("valid_from") if form.is_bound and form.is_valid() else None
        findings = findings_of(version, profiles=form.chosen_profiles(), valid_from=begins or clock.now())
        context = {
            **self.admin_site.each_context(request),
            "title": f"Publish {version}",
            "version": version,
            "form": form,
            "findings": findings,
            "has_errors": any(finding.is_error for finding in findings),
            "current": TariffVersion.objects.in_force(clock.now()).filter(tariff_id=version.tariff_id).first(),
            "back": self.page_of(version),
        }
        return TemplateResponse(request, "admin/tariffs/publish.html", context)

    def _publish(self, request: HttpRequest, version: TariffVersion, form: PublishForm) -> HttpResponse | None:
        """Publish and go to the version; None: refused, and the form says why."""
        try:
            published = services.publish_version(
                version_id=version.pk,
                expected_edit_no=form.cleaned_data["edit_no"],
                valid_from=form.cleaned_data["valid_from"],
                by=operator_of(request),
                at=clock.now(),
                accept_warnings=form.cleaned_data["accept_warnings"],
                profiles=form.chosen_profiles(),
            )
        except services.EditConflict as error:
            form.add_error(None, f"{error} Read it again before you publish it.")
            return None
        except (services.NotADraft, services.PublishRefused) as error:
            form.add_error(None, str(error))
            return None
        self.log_change(request, published, f"Published from {published.valid_from:%Y-%m-%d %H:%M} UTC.")
        messages.success(request, f"{published} is published.")
        return HttpResponseRedirect(self.page_of(published))

    @action(description="Withdraw", url_path="withdraw", permissions=["prices"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            withdrawn = services.withdraw_version(version_id=version.pk, at=clock.now())
            self.log_change(request, withdrawn, "Withdrawn before it began.")
            return "It is a draft again. The version before it goes on."

        return self.act(
            request,
            obj=version,
            title=f"Withdraw {version}",
            text="It has not begun, so nobody was charged by it. It becomes a draft; the version before it goes on.",
            submit="Withdraw",
            do=do,
            refused=(services.PublishRefused,),
        )

    @action(description="Set its end", url_path="end", permissions=["prices"], icon="event_busy")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.get_object_or_404(request, object_id)

        def do(cleaned: dict[str, Any]) -> str:
            ended = services.end_version(version_id=version.pk, valid_to=cleaned["valid_to"], at=clock.now())
            self.log_change(request, ended, f"Ends at {ended.valid_to:%Y-%m-%d %H:%M} UTC.")
            return "Its end is set."

        return self.act(
            request,
            obj=version,
            title=f"End {version}",
            text="From then on the tariff has no price, unless you publish another version: drivers without a contract "
            "cannot pay by it, and what contracts charge goes to review and is not billed. To change prices, publish "
            "the new ones instead: that ends this version by itself.",
            submit="Set the end",
            do=do,
            form_class=EndForm,
            refused=(services.PublishRefused,),
        )
