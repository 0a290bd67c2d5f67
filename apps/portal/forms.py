"""The portal's forms."""

from typing import Any, Final

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.accounts.sign_in_limits import count_try, forget_tries
from apps.core import clock


def refuse_too_often(wait_s: int) -> None:
    """Refuse a form for so many seconds, said in minutes; 0: it may go on.

    :raises ValidationError: it was sent too often
    """
    if minutes := -(-wait_s // 60):
        raise forms.ValidationError(
            ngettext(
                "That was tried too often from here. Please wait %(minutes)s minute, then try again.",
                "That was tried too often from here. Please wait %(minutes)s minutes, then try again.",
                minutes,
            )
            % {"minutes": minutes},
            code="too_often",
        )


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
        refuse_too_often(count_try(**tried))
        cleaned: dict[str, Any] = super().clean()
        forget_tries(**tried)
        return cleaned


class ForgottenPasswordForm(forms.Form):
    """Whose password is forgotten; counted for an unknown address like for one that has an account."""

    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )

    def __init__(self, data: Any, *, address: str) -> None:
        super().__init__(data)
        self.address = address

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        refuse_too_often(count_try(email=email, address=self.address, at=clock.now(), what="password-link"))
        return email


PASSWORD_ADVICE: Final = _("Ten characters or more. Several words that you remember are better than few signs.")


class NewPasswordForm(SetPasswordForm):
    """Django's own, with our advice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = PASSWORD_ADVICE


class NewAccountForm(forms.Form):
    """How an invited person is called and signs in from now on."""

    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        label=_("Choose a password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=PASSWORD_ADVICE,
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
