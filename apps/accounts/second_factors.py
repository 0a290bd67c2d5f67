"""How allauth keeps second factors here: secrets encrypted, codes drawn by segno, nobody signs up by themselves.

Where ``SECOND_FACTOR_REQUIRED`` is set whoever works in the console (``is_staff``) has one; customers may.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from io import BytesIO
from typing import Any

import segno
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest

from apps.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def reauthenticate(self, user: User, password: str) -> bool:
        return user.check_password(password)


class SecondFactorAdapter(DefaultMFAAdapter):
    def build_totp_svg(self, url: str) -> str:
        drawn = BytesIO()
        segno.make(url).save(drawn, kind="svg", scale=5, border=4, dark="black", light="white")
        return drawn.getvalue().decode()

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()


def must_set_one_up(user: Any) -> bool:
    """Whether the person works in the console, has no second factor yet, and needs one."""
    return bool(settings.SECOND_FACTOR_REQUIRED and user.is_authenticated and user.is_staff) and not has_one(user)


def has_one(user: User) -> bool:
    """Whether signing in asks for more than the password; recovery codes alone are none."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return Authenticator.objects.filter(user=user, type__in=kinds).exists()


def _cipher() -> MultiFernet:
    """Return the cipher under SECRET_KEY; what older ones encrypted (SECRET_KEY_FALLBACKS) stays readable."""
    secrets = [str(settings.SECRET_KEY), *map(str, settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet(
        [Fernet(urlsafe_b64encode(sha256(f"second-factor:{secret}".encode()).digest())) for secret in secrets]
    )
