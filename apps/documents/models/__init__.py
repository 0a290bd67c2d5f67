"""What is kept and what is told: issued files, mails, and webhooks with their endpoints."""

from apps.documents.models.files import Document, Mail, MailTopic
from apps.documents.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = ["Document", "Mail", "MailTopic", "WebhookAttempt", "WebhookDelivery", "WebhookEndpoint"]
