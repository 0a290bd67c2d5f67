"""Our owner, and another one whose rows must never show."""

from tests.integration.tenants import ours, owner, platform, theirs

__all__ = ["ours", "owner", "platform", "theirs"]
