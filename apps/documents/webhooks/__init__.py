"""Webhooks: told in the transaction of the fact (``announcing``), sent afterwards (``sending``), by one door (``wire``)."""
