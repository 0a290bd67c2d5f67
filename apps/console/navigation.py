"""The console's sidebar, grouped by what people do; a role is offered what it works with.

What else it may look at stays where it is: by address, by the search's rows and by links between pages.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.domain.roles import (
    HARDWARE_ROLES,
    INTEGRATION_ROLES,
    MASTER_DATA_ROLES,
    MONEY_ROLES,
    OPERATOR_ROLES,
    PEOPLE_ROLES,
    SUPPORT_ROLES,
    Role,
)
from apps.accounts.scope import has_role, is_platform_operator


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return unfold's navigation (setting UNFOLD, SIDEBAR)."""
    if not has_role(request, OPERATOR_ROLES):
        return []
    groups = [{"items": [{"title": _("Home"), "icon": "home", "link": reverse("admin:index")}]}, *_work()]
    if has_role(request, SUPPORT_ROLES | {Role.READ_ONLY}):
        groups += [*_customers(), _payments()]
    if has_role(request, MONEY_ROLES | {Role.READ_ONLY}):
        groups += _books()
    return [*groups, _settings(request)]


def _work() -> list[dict[str, Any]]:
    return [
        _group(
            _("Operations"),
            {"title": _("Review"), "icon": "rule", "link": reverse("console:reviews")},
            _row(_("Sessions"), "bolt", "charging_sessions_chargingsession"),
            _row(_("Locations"), "location_on", "stations_location"),
            {"title": _("Live board"), "icon": "ev_station", "link": reverse("console:live")},
            _row(_("Stations"), "settings_input_component", "stations_chargingstation"),
            _row(_("EVSEs and connectors"), "power", "stations_evse"),
            _row(_("Pay codes"), "qr_code_2", "stations_paycode"),
            _row(_("Meter keys"), "vpn_key", "stations_meterkey"),
            _row(_("Commands"), "send", "stations_stationcommand"),
            _row(_("Station events"), "notifications", "ocpp_stationevent"),
            _row(_("Raw frames"), "data_object", "ocpp_frame"),
        ),
        _group(
            _("Prices"),
            _row(_("Tariffs"), "sell", "tariffs_tariff"),
            _row(_("Versions"), "history", "tariffs_tariffversion"),
            _row(_("Where they apply"), "pin_drop", "contracts_tariffassignment"),
            _row(_("Site groups"), "workspaces", "contracts_sitegroup"),
            {"title": _("Which tariff applies?"), "icon": "help", "link": reverse("console:which-tariff")},
            _row(_("Laboratory"), "science", "analytics_tarifftrial"),
        ),
    ]


def _customers() -> list[dict[str, Any]]:
    return [
        _group(
            _("Customers"),
            _row(_("Customers"), "business_center", "contracts_customer"),
            _row(_("Contracts"), "handshake", "contracts_contract"),
            _row(_("Versions and offers"), "history_edu", "contracts_contractversion"),
            _row(_("Templates"), "description", "contracts_contracttemplate"),
            _row(_("Plans"), "subscriptions", "contracts_plan"),
            _row(_("Spending limits"), "speed", "contracts_spendinglimit"),
            _row(_("Prepaid wallets"), "account_balance_wallet", "payments_wallet"),
            _row(_("What is prepaid"), "local_offer", "payments_walletoffer"),
            _row(_("Membership tiers"), "loyalty", "contracts_membershiptier"),
            _row(_("Cards"), "badge", "contracts_idtoken"),
            _row(_("Employer or driver"), "alt_route", "contracts_payerpolicy"),
            _row(_("Vehicles"), "directions_car", "contracts_vehicle"),
            _row(_("Cost centres"), "account_tree", "contracts_costcentre"),
            _row(_("Budgets"), "savings", "charging_sessions_budget"),
            _row(_("Budget alerts"), "notification_important", "charging_sessions_budgetalert"),
        ),
        _group(
            _("Communities"),
            _row(_("Units"), "home_work", "contracts_unit"),
            _row(_("Shared costs"), "pie_chart", "contracts_sharedcost"),
            _row(_("Keys"), "key", "contracts_allocationkey"),
            _row(_("What was shared"), "splitscreen", "contracts_costperiod"),
        ),
        _group(
            _("Documents"),
            _row(_("Invoices"), "receipt_long", "invoices_invoice"),
            {"title": _("Disputed lines"), "icon": "feedback", "link": reverse("console:disputed-lines")},
            _row(_("Billing runs"), "event_repeat", "invoices_billingrun"),
            _row(_("Held from billing"), "pause_circle", "invoices_billinghold"),
            _row(_("Charge records"), "fact_check", "charging_sessions_cdr"),
            _row(_("Files"), "folder", "documents_document"),
            _row(_("Mails"), "mail", "documents_mail"),
            _row(_("Number series"), "tag", "invoices_numberseries"),
        ),
    ]


def _payments() -> dict[str, Any]:
    return _group(
        _("Money"),
        {"title": _("Unpaid"), "icon": "hourglass", "link": reverse("console:unpaid")},
        {"title": _("Find a driver's charge"), "icon": "search", "link": reverse("console:find-charge")},
        _row(_("Drivers' payments"), "ev_station", "payments_paymentattempt"),
        _row(_("Charge searches"), "manage_search", "payments_chargesearch"),
        _row(_("Payments"), "payments", "payments_payment"),
        _row(_("Refunds to confirm"), "how_to_reg", "payments_refundrequest"),
        _row(_("Bank statements"), "upload_file", "accounting_bankstatement"),
        _row(_("Lines of statements"), "list", "accounting_bankstatementrow"),
        _row(_("Opening items"), "move_to_inbox", "payments_openingitem"),
        _row(_("Money by bank"), "account_balance", "payments_bankreceipt"),
        _row(_("To be paid back"), "undo", "payments_bankrepayment"),
        _row(_("What settles what"), "call_split", "payments_allocation"),
        _row(_("Reminders"), "notifications", "payments_dunningstep"),
        _row(_("Write-offs"), "money_off", "payments_writeoff"),
        _row(_("Disputes"), "gavel", "payments_dispute"),
        _row(_("Payouts"), "outbound", "accounting_payout"),
        _row(_("Stripe's balance"), "list_alt", "accounting_balanceentry"),
        _row(_("Discrepancies"), "difference", "accounting_discrepancy"),
        _row(_("Calls to Stripe"), "sync_alt", "payments_paymentoperation"),
        _row(_("Stripe events"), "webhook", "payments_stripeevent"),
        _row(_("Saved cards"), "credit_card", "payments_savedmethod"),
    )


def _books() -> list[dict[str, Any]]:
    return [
        _group(
            _("Charging at home"),
            _row(_("Agreements"), "handshake", "contracts_homeagreement"),
            _row(_("Drivers"), "person_pin_circle", "contracts_homedriver"),
            _row(_("Statements"), "request_quote", "accounting_homestatement"),
            _row(_("Payments to drivers"), "outbound", "accounting_homepayout"),
            _row(_("Files"), "upload_file", "accounting_homefile"),
            _row(_("Money from fleets"), "account_balance", "accounting_homereceipt"),
        ),
        _group(
            _("Books"),
            {"title": _("Reports"), "icon": "monitoring", "link": reverse("console:books")},
            _row(_("Exports"), "file_export", "accounting_journalexport"),
            _row(_("Debtor accounts"), "tag", "accounting_debtoraccount"),
            _row(_("Closed months"), "lock_clock", "ledger_closing"),
            _row(_("Charts of accounts"), "tag", "ledger_chart"),
            _row(_("Journals"), "menu_book", "ledger_journal"),
            _row(_("Accounts"), "account_tree", "ledger_account"),
        ),
        _group(
            _("Owners"),
            _row(_("Agreements"), "handshake", "accounting_agreement"),
            _row(_("Statements"), "request_quote", "accounting_statement"),
            _row(_("Payouts"), "outbound", "accounting_ownerpayout"),
            _row(_("Bank files"), "upload_file", "accounting_payoutfile"),
            _row(_("Transfers"), "move_up", "payments_transfer"),
        ),
    ]


def _settings(request: HttpRequest) -> dict[str, Any]:
    people = [
        _row(_("People"), "groups", "accounts_membership"),
        _row(_("Company"), "domain", "accounts_organisation"),
    ]
    if has_role(request, PEOPLE_ROLES):
        people.append(_row(_("Invitations"), "person_add", "accounts_invitation"))
        people.append(_row(_("Sign-ins"), "devices", "accounts_signin"))
    if is_platform_operator(request):
        people.append(_row(_("Accounts"), "person", "accounts_user"))
        people.append({"title": _("Refused at the door"), "icon": "door_front", "link": reverse("console:strangers")})
    if has_role(request, MASTER_DATA_ROLES | HARDWARE_ROLES):
        people.insert(0, {"title": _("First steps"), "icon": "checklist", "link": reverse("console:onboarding")})
    if has_role(request, INTEGRATION_ROLES):
        people += [
            _row(_("API keys"), "key", "accounts_apikey"),
            _row(_("Webhooks"), "webhook", "documents_webhookendpoint"),
            _row(_("Sent by webhook"), "outgoing_mail", "documents_webhookdelivery"),
        ]
    return _group(_("Settings"), *people)


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the links of the account menu (setting UNFOLD, ACCOUNT)."""
    return [
        {"title": _("Organisation and portal"), "link": reverse("portal:organisations")},
        {"title": _("Sign-ins and second factor"), "link": reverse("portal:sign-ins")},
    ]


def _group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


def _row(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"{admin.site.name}:{name}_changelist")}
