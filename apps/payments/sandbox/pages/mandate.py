"""A mandate as its signer may look at it."""

from datetime import UTC, datetime
from html import escape

from apps.payments.sandbox.pages.layout import PageAnswer, document, nothing_here
from apps.payments.sandbox.state import State


def show(state: State, mandate_id: str) -> PageAnswer:
    """Show a mandate: reference, day, account, whether it stands."""
    mandate = state.objects.get(mandate_id)
    if mandate is None or mandate["object"] != "mandate":
        return nothing_here()
    method = state.get("payment_method", mandate["payment_method"])
    holder, account = method["billing_details"]["name"], method["sepa_debit"]
    signed = datetime.fromtimestamp(mandate["customer_acceptance"]["accepted_at"], UTC)
    return PageAnswer(
        status=200,
        html=document(
            f"""<h1>SEPA Direct Debit mandate</h1>
<p>Reference {mandate["payment_method_details"]["sepa_debit"]["reference"]} ({mandate["status"]})</p>
<p>{escape(holder)}, account {account["country"]} … {account["last4"]}</p>
<p>Signed on {signed:%Y-%m-%d}.</p>"""
        ),
    )
