"""The operator's pages across apps, under ``/admin/console/``."""

from django.contrib import admin
from django.urls import path

from apps.console import (
    billing,
    books,
    communities,
    customers,
    disputed_lines,
    onboarding,
    payers,
    people,
    previewing,
    provisioning,
    refunding,
    review,
    station_views,
    strangers,
    views,
)

app_name = "console"
urlpatterns = [
    path("sessions/<uuid:uid>/", admin.site.admin_view(views.session), name="session"),
    path("sessions/<uuid:uid>/signed.xml", admin.site.admin_view(views.signed_values), name="signed-values"),
    path("sessions/<uuid:uid>/payer/", admin.site.admin_view(payers.correct), name="payer"),
    path("signed/<int:record_id>/", admin.site.admin_view(views.signed_record), name="signed-record"),
    path("invoices/<uuid:uid>/", admin.site.admin_view(views.invoice), name="invoice"),
    path("invoices/<uuid:uid>/refund/", admin.site.admin_view(refunding.refund), name="refund"),
    path("contracts/<int:contract_id>/preview/", admin.site.admin_view(previewing.preview), name="preview"),
    path("communities/<int:customer_id>/", admin.site.admin_view(communities.statement), name="community"),
    path("onboarding/", admin.site.admin_view(onboarding.onboarding), name="onboarding"),
    path("live/", admin.site.admin_view(station_views.live), name="live"),
    path("customers/<int:customer_id>/", admin.site.admin_view(customers.customer), name="customer"),
    path("stations/import/", admin.site.admin_view(provisioning.import_stations), name="import-stations"),
    path("stations/import/template/", admin.site.admin_view(provisioning.plan_template), name="import-template"),
    path("stations/<int:station_id>/reported/", admin.site.admin_view(provisioning.reported), name="station-reported"),
    path("stations/<int:station_id>/", admin.site.admin_view(station_views.station), name="station"),
    path("stations/<int:station_id>/live/", admin.site.admin_view(station_views.station_live), name="station-live"),
    path("stations/<int:station_id>/frames/", admin.site.admin_view(station_views.frames), name="station-frames"),
    path("stations/<int:station_id>/commands/", admin.site.admin_view(station_views.commands), name="station-commands"),
    path(
        "stations/<int:station_id>/settings/",
        admin.site.admin_view(station_views.configuration),
        name="station-configuration",
    ),
    path("stations/<int:station_id>/ask/<slug:slug>/", admin.site.admin_view(station_views.act), name="station-act"),
    path("stations/<int:station_id>/any/", admin.site.admin_view(station_views.actions), name="station-actions"),
    path(
        "stations/<int:station_id>/any/<slug:name>/", admin.site.admin_view(station_views.action), name="station-action"
    ),
    path("people/invite/", admin.site.admin_view(people.invite), name="invite"),
    path("strangers/", admin.site.admin_view(strangers.strangers), name="strangers"),
    path("adopt/", admin.site.admin_view(strangers.adopt), name="adopt"),
    path("review/", admin.site.admin_view(review.reviews), name="reviews"),
    path("review/<uuid:uid>/", admin.site.admin_view(review.review), name="review"),
    path("disputed-lines/", admin.site.admin_view(disputed_lines.disputed_lines), name="disputed-lines"),
    path("disputed-lines/<uuid:uid>/", admin.site.admin_view(disputed_lines.disputed_line), name="disputed-line"),
    path("cards/<int:token_id>/", admin.site.admin_view(station_views.card), name="card"),
    path("locations/<int:location_id>/stickers/", admin.site.admin_view(views.stickers), name="stickers"),
    path("which-tariff/", admin.site.admin_view(views.which_tariff), name="which-tariff"),
    path("billing/<int:run_id>/", admin.site.admin_view(billing.run), name="billing-run"),
    path("billing/<int:run_id>/decide/", admin.site.admin_view(billing.decide), name="billing-decide"),
    path("billing/hold/session/<uuid:uid>/", admin.site.admin_view(billing.hold_session), name="hold-session"),
    path("billing/hold/draft/<uuid:uid>/", admin.site.admin_view(billing.hold_draft), name="hold-draft"),
    path("billing/release/<int:hold_id>/", admin.site.admin_view(billing.release), name="release-hold"),
    path("books/", admin.site.admin_view(books.report), name="books"),
    path("books/accounts/<int:account_id>/", admin.site.admin_view(books.account), name="account-sheet"),
    path("books/<slug:name>/", admin.site.admin_view(books.report), name="report"),
    path("wallet/", admin.site.admin_view(views.wallet), name="wallet"),
    path("unpaid/", admin.site.admin_view(views.unpaid), name="unpaid"),
]
