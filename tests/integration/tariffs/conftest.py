"""Our owner's browser, and another owner whose rows must never show."""

from tests.integration.tenants import ours, owner, platform, theirs

__all__ = ["ours", "owner", "platform", "theirs"]
