"""The operator's pages across apps, under ``/admin/console/``."""

from django.contrib import admin
from django.urls import path

from apps.console import review, views

app_name = "console"
urlpatterns = [
    path("sessions/<uuid:uid>/", admin.site.admin_view(views.session), name="session"),
    path("invoices/<uuid:uid>/", admin.site.admin_view(views.invoice), name="invoice"),
    path("stations/<int:station_id>/", admin.site.admin_view(views.station), name="station"),
    path("stations/<int:station_id>/start/", admin.site.admin_view(views.start), name="station-start"),
    path("stations/<int:station_id>/stop/", admin.site.admin_view(views.stop), name="station-stop"),
    path("stations/<int:station_id>/unlock/", admin.site.admin_view(views.unlock), name="station-unlock"),
    path("review/", admin.site.admin_view(review.reviews), name="reviews"),
    path("review/<uuid:uid>/", admin.site.admin_view(review.review), name="review"),
    path("locations/<int:location_id>/stickers/", admin.site.admin_view(views.stickers), name="stickers"),
    path("which-tariff/", admin.site.admin_view(views.which_tariff), name="which-tariff"),
    path("unpaid/", admin.site.admin_view(views.unpaid), name="unpaid"),
]
