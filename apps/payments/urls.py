"""Addresses of the payments app."""

from django.urls import path

from apps.payments.web.webhooks import stripe_webhook

urlpatterns = [path("webhooks/stripe/", stripe_webhook, name="stripe-webhook")]
