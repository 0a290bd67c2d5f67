"""Accounting in the console; each subject has a module of its own."""

from apps.accounting import (  # noqa: F401
    admin_books,
    admin_debtors,
    admin_exports,
    admin_home,
    admin_settlement,
    admin_statements,
)
