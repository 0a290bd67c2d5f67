"""The customers' pages, under ``/portal/``."""

from django.contrib.auth.views import LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy
from django.views.i18n import set_language

from apps.portal import (
    community_views,
    contract_views,
    home_views,
    line_views,
    machine_views,
    pay_views,
    payer_views,
    views,
    wallet_views,
)

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path(
        "password/",
        PasswordChangeView.as_view(
            template_name="portal/password.html", success_url=reverse_lazy("portal:organisations")
        ),
        name="password",
    ),
    path("language/", set_language, name="language"),
    path("organisations/", views.organisations, name="organisations"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/<uuid:uid>/", views.session, name="session"),
    path("sessions/<uuid:uid>/signed.xml", views.signed_values, name="signed-values"),
    path("invoices/", views.invoices, name="invoices"),
    path("invoices/<uuid:uid>/", views.invoice, name="invoice"),
    path("invoices/<uuid:uid>/pay/", views.pay_invoice, name="invoice-pay"),
    path("invoices/<uuid:uid>/document/", views.document, name="document"),
    path("invoices/<uuid:uid>/reminders/<int:level>/", views.reminder, name="reminder"),
    path("invoices/<uuid:uid>/data/", views.data, name="data"),
    path("invoices/<uuid:uid>/lines/<int:position>/", line_views.line, name="line"),
    path("invoices/<uuid:uid>/lines/<int:position>/withdraw/", line_views.withdraw, name="line-withdraw"),
    path("contracts/", contract_views.contracts, name="contracts"),
    path("contracts/<int:contract_id>/", contract_views.contract, name="contract"),
    path("contracts/versions/<int:version_id>/document/", contract_views.contract_document, name="contract-document"),
    path("contracts/versions/<int:version_id>/accept/", contract_views.accept, name="contract-accept"),
    path("communities/<int:customer_id>/", community_views.community, name="community"),
    path(
        "communities/<int:customer_id>/<int:year>-<int:month>.<str:kind>",
        community_views.statement,
        name="community-statement",
    ),
    path("home-charging/", home_views.home_charging, name="home-charging"),
    path(
        "home-charging/<int:agreement_id>/<int:year>-<int:month>.<str:kind>",
        home_views.home_statement,
        name="home-statement",
    ),
    path("payers/", payer_views.payers, name="payers"),
    path("payers/<uuid:uid>/mark/", payer_views.mark, name="payer-mark"),
    path("offers/<str:token>/", contract_views.offer, name="offer"),
    path("offers/<str:token>/document/", contract_views.offer_document, name="offer-document"),
    path("machines/", machine_views.machines, name="machines"),
    path("machines/keys/", machine_views.make_key, name="key-make"),
    path("machines/keys/<int:key_id>/revoke/", machine_views.revoke_key, name="key-revoke"),
    path("machines/endpoints/", machine_views.open_endpoint, name="endpoint-open"),
    path("machines/endpoints/<int:endpoint_id>/<str:act>/", machine_views.act_on_endpoint, name="endpoint-act"),
    path("pay/<str:token>/", pay_views.pay, name="pay"),
    path("prepaid/<uuid:uid>/", wallet_views.wallet, name="wallet"),
    path("prepaid/<uuid:uid>/statement/<int:year>-<int:month>/", wallet_views.statement, name="wallet-statement"),
    path("prepaid/<uuid:uid>/receipt/<int:movement_id>/", wallet_views.receipt, name="wallet-receipt"),
    path("prepaid/<uuid:uid>/top-up/", wallet_views.top_up, name="wallet-top-up"),
    path("payment-method/", views.payment_method, name="payment-method"),
    path("payment-method/remove/", views.remove_payment_method, name="payment-method-remove"),
    path("payment-method/return/", views.payment_method_return, name="payment-method-return"),
]
