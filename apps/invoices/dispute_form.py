"""What whoever is billed may say is wrong with a line, in their own language: for fleets and drivers alike."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.invoices.domain.line_disputes import DisputeGround

GROUNDS = (
    (DisputeGround.NOT_OURS.value, _("This was none of our charges")),
    (DisputeGround.ENERGY.value, _("The energy is wrong")),
    (DisputeGround.PRICE.value, _("The price is wrong")),
    (DisputeGround.TIME.value, _("The time is wrong")),
    (DisputeGround.TWICE.value, _("It is charged twice")),
    (DisputeGround.OTHER.value, _("Something else")),
)
"""As customers read them, in their language."""


class DisputeForm(forms.Form):
    """What is wrong with a line: one of a list, and words."""

    ground = forms.ChoiceField(label=_("What is wrong?"), choices=[("", _("Please choose")), *GROUNDS])
    words = forms.CharField(
        label=_("What should the seller know?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Say in a sentence what is wrong, so that it can be looked at.")},
    )

    def clean_ground(self) -> DisputeGround:
        return DisputeGround(self.cleaned_data["ground"])
