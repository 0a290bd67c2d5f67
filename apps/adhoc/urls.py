"""The driver's pages: ``/c/<code>/`` shows the price and takes the payment, ``/s/<token>/`` is one charge's own."""

from django.urls import path
from django.views.i18n import set_language

from apps.adhoc import dispute_views, finding_views, receipt_views, views

app_name = "adhoc"
urlpatterns = [
    path("c/language/", set_language, name="language"),
    path("c/<str:code>/", views.price, name="price"),
    path("find/", finding_views.find, name="find"),
    path("s/<str:token>/", views.progress, name="progress"),
    path("s/<str:token>/live/", views.live, name="live"),
    path("s/<str:token>/return/", views.returned, name="return"),
    path("s/<str:token>/stop/", views.stop, name="stop"),
    path("s/<str:token>/unlock/", views.unlock, name="unlock"),
    path("s/<str:token>/pay/", receipt_views.pay, name="pay"),
    path("s/<str:token>/receipt/", views.receipt, name="receipt"),
    path("s/<str:token>/receipt/signed.xml", views.signed_values, name="signed-values"),
    path("s/<str:token>/receipt/document/", views.document, name="document"),
    path("s/<str:token>/receipt/mail/", receipt_views.mail, name="mail"),
    path("s/<str:token>/receipt/company/", receipt_views.company, name="company"),
    path("s/<str:token>/receipt/wrong/", dispute_views.wrong, name="wrong"),
    path("s/<str:token>/receipt/wrong/withdraw/", dispute_views.withdraw, name="withdraw"),
    path("s/<str:token>/receipt/invoice/", receipt_views.invoice, name="invoice"),
]
