"""Accounting in the console; each subject has a module of its own."""

from apps.accounting import admin_books, admin_exports, admin_home, admin_settlement, admin_statements  # noqa: F401
