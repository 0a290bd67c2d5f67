"""Give customers the numbers under which the accountant knows them: drawn once, changed until a file has told them."""

from collections.abc import Collection
from datetime import date, datetime

from django.db import IntegrityError, transaction

from apps.accounting.debtors import account_length_on
from apps.accounting.domain.debtors import BadDebtor, next_free, read
from apps.accounting.models import DebtorAccount
from apps.accounts.models import Organisation, User
from apps.contracts.models import Customer


class NotNumbered(Exception):
    """The number cannot be given; the message says why, and nothing was changed."""


@transaction.atomic
def draw_numbers(
    *, seller_id: int, at: datetime, on: date, customer_ids: Collection[int] | None = None
) -> list[DebtorAccount]:
    """Give those customers of a seller a number who have none, in the order of their customer numbers; return these.

    customer_ids  None: all of them · on: the day whose chart says how long numbers are

    :raises NotNumbered: no number is left
    """
    # Two at once wait for each other here; keys that point at the seller do not.
    Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    drawn = DebtorAccount.objects.filter(seller=seller_id)
    taken, known = set(drawn.values_list("number", flat=True)), set(drawn.values_list("customer", flat=True))
    customers = Customer.objects.filter(seller=seller_id).exclude(pk__in=known)
    if customer_ids is not None:
        customers = customers.filter(pk__in=customer_ids)
    length, made = account_length_on(seller_id, on), []
    for customer in customers.order_by("number", "pk"):
        try:
            number = next_free(taken, account_length=length)
        except BadDebtor as error:
            raise NotNumbered(str(error)) from error
        taken.add(number)
        made.append(DebtorAccount(seller_id=seller_id, customer=customer, number=number, drawn_at=at))
    return DebtorAccount.objects.bulk_create(made)


@transaction.atomic
def change_number(*, account_id: int, number: str, on: date, by: User) -> DebtorAccount:
    """Give a customer another number; giving the same again changes nothing.

    number  as a file of ``on`` would tell it

    :raises NotNumbered: a file has told the old one, another customer has it, or it is no debtor's
    """
    account: DebtorAccount = DebtorAccount.objects.select_for_update(of=("self",)).get(pk=account_id)
    try:
        wanted = read(number, account_length=account_length_on(account.seller_id, on))
    except BadDebtor as error:
        raise NotNumbered(str(error)) from error
    if wanted == account.number:
        return account
    if account.told_at is not None:
        raise NotNumbered(
            f"An export of {account.told_at:%-d %B %Y} has told the old number: your accountant has postings under it."
        )
    account.number, account.decided_by = wanted, by
    try:
        with transaction.atomic():
            account.save(update_fields=["number", "decided_by"])
    except IntegrityError as error:
        if "debtor_number_unique_per_seller" not in str(error):
            raise
        raise NotNumbered("Another customer has this number.") from error
    return account


def note_told(*, seller_id: int, customer_ids: Collection[int], at: datetime) -> None:
    """Note that a file tells these customers' numbers: they stay from now on."""
    untold = DebtorAccount.objects.filter(seller=seller_id, customer__in=customer_ids, told_at__isnull=True)
    untold.update(told_at=at)
