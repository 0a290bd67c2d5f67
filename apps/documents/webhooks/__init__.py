"""Webhooks: told with the fact (``announcing``), sent afterwards (``sending``), through one door (``wire``)."""
