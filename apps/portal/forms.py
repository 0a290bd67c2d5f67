"""The portal's forms."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.accounts.sign_in_limits import count_try, forget_tries
from apps.core import clock


class SignInForm(AuthenticationForm):
    """Django's own, worded for e-mail; the same words for an unknown address, a wrong password and a closed account."""

    error_messages = {
        "invalid_login": _("E-mail address or password is wrong. Both are checked letter by letter."),
        "inactive": _("E-mail address or password is wrong. Both are checked letter by letter."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget.input_type = "email"
        self.fields["username"].widget.attrs["autocomplete"] = "username"

    def clean(self) -> dict[str, Any]:
        tried = {
            "email": self.data.get("username", ""),
            "address": self.request.META.get("REMOTE_ADDR", "") if self.request else "",
            "at": clock.now(),
        }
        if wait_s := count_try(**tried):
            minutes = -(-wait_s // 60)
            raise forms.ValidationError(
                ngettext(
                    "That was tried too often from here. Please wait %(minutes)s minute, then try again.",
                    "That was tried too often from here. Please wait %(minutes)s minutes, then try again.",
                    minutes,
                )
                % {"minutes": minutes},
                code="too_often",
            )
        cleaned: dict[str, Any] = super().clean()
        forget_tries(**tried)
        return cleaned


class NewAccountForm(forms.Form):
    """How an invited person is called and signs in from now on."""

    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        label=_("Choose a password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Ten characters or more. Several words that you remember are better than few signs."),
    )

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_password(self) -> str:
        self.user.name = self.cleaned_data.get("name", "")
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class AcceptForm(forms.Form):
    """Who accepts, that they do, and the hash of the very file they were shown."""

    name = forms.CharField(label=_("Your name"), max_length=120)
    accepts = forms.BooleanField(label=_("I have read the document and accept it."))
    document_hash = forms.CharField(max_length=64, widget=forms.HiddenInput)
