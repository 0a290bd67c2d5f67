"""The portal's forms."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _


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


class AcceptForm(forms.Form):
    """Who accepts, that they do, and the hash of the very file they were shown."""

    name = forms.CharField(label=_("Your name"), max_length=120)
    accepts = forms.BooleanField(label=_("I have read the document and accept it."))
    document_hash = forms.CharField(max_length=64, widget=forms.HiddenInput)
