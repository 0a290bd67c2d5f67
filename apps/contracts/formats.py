"""What a customer's electronic format asks of the master data, said before an invoice is refused for want of it."""

from apps.contracts.domain.electronic import InvoiceFormat
from apps.contracts.models import Contract, Customer
from apps.core.domain.vat_ids import is_vat_id


def missing_for_format(customer: Customer) -> list[str]:
    """Return in sentences what is missing for the customer's format; [] when nothing is that can be seen here.

    What only a document shows, its lines and its VAT, is checked when it is issued.
    """
    missing = []
    if customer.vat_id and not is_vat_id(customer.vat_id, country=customer.country.code):
        missing.append(
            "A VAT identifier of the customer's country: the one that is stated is none, so that VAT is charged."
        )
    elif customer.vat_id and not customer.vat_id[:2].isalpha():
        missing.append("The VAT identifier begins with the two letters of its country.")
    if not InvoiceFormat(customer.invoice_format).is_xrechnung:
        return missing
    contracts = Contract.objects.filter(customer=customer, buyer_reference="").exclude(status=Contract.Status.ENDED)
    if numbers := list(contracts.order_by("number").values_list("number", flat=True)):
        missing.append(f"A buyer reference of {'contract' if len(numbers) == 1 else 'contracts'} {', '.join(numbers)}.")
    if not customer.seller.phone:
        missing.append("A telephone number in your organisation's legal data.")
    return missing
