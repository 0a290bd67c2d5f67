"""One charge on its driver's page, from the card to the receipt."""

from datetime import datetime

import pytest

from apps.adhoc import services
from apps.core.audit import find_violations
from apps.invoices.services.receipts import issue_receipt
from apps.invoices.services.rendering import render_document
from apps.payments.models import PaymentAttempt
from apps.payments.sandbox import CheckoutRefused, complete_checkout
from apps.payments.services.attempts import create_attempt, sync_attempt
from apps.payments.services.captures import capture_receipt
from apps.payments.services.refunds import refund_document
from apps.sessions.domain.commands import ConnectorStateCommand, EndCommand, MeterSample, ReadingsCommand
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services import end_sessions, rate_settled, record_connector_states, record_readings, settle_sessions
from apps.stations.models import StationCommand
from tests.factories import Site, make_user

from .conftest import DECLINED, GOOD, MINUTE, NOW, Driver, phone, sell_under, set_station, settle, text_of
from .test_starting import answer_command, plug_in, stop_commands

BEGIN = 1_000_000_000
KWH = 1_000_000


@pytest.fixture
def attempt(driver) -> PaymentAttempt:
    """A driver's attempt that is paid; its charge begins when a test says so, half an hour ago."""
    return driver.pay()


class Charge:
    """What the car and the station do for an attempt."""

    def __init__(self, attempt: PaymentAttempt, site: Site) -> None:
        self.attempt, self.site = attempt, site
        self.begun_at = NOW - 30 * MINUTE

    def begin(self) -> "Charge":
        services.start_charging(attempt_id=self.attempt.pk, at=self.begun_at)
        answer_command(self.site, accepted=True, at=self.begun_at)
        plug_in(self.site, at=self.begun_at)
        set_station(self.site, status="Charging")
        return self

    @property
    def session(self) -> ChargingSession:
        return ChargingSession.objects.get()

    def deliver(self, energy_milliwh: int, *, at: datetime) -> "Charge":
        reading = MeterSample(at=at, energy_milliwh=BEGIN + energy_milliwh)
        command = ReadingsCommand(
            station_id=self.site.station.pk,
            evse_number=1,
            transaction_id=self.session.transaction_id,
            samples=(reading,),
            received_at=at,
            frame_id=2,
        )
        record_readings((command,))
        return self

    def idle(self, *, at: datetime) -> "Charge":
        """Let the station say that the car takes no more."""
        return self._report("SuspendedEV", at=at)

    def unplug(self, *, at: datetime) -> "Charge":
        return self._report("Available", at=at)

    def _report(self, status: str, *, at: datetime) -> "Charge":
        command = ConnectorStateCommand(
            station_id=self.site.station.pk,
            evse_number=1,
            status=status,
            error_code="NoError",
            at=at,
            received_at=at,
            frame_id=4,
        )
        record_connector_states((command,))
        return self

    def end(self, energy_milliwh: int, *, at: datetime) -> "Charge":
        command = EndCommand(
            station_id=self.site.station.pk,
            transaction_id=self.session.transaction_id,
            id_token=None,
            meter_stop_milliwh=BEGIN + energy_milliwh,
            ended_at=at,
            reason="Local",
            samples=(),
            received_at=at,
            frame_id=3,
        )
        end_sessions((command,))
        return self

    def price(self) -> "Charge":
        """Settle, rate, issue the receipt and take its money, as bells and sweepers do."""
        return self.price_at(NOW + 10 * MINUTE)

    def price_at(self, at: datetime) -> "Charge":
        settle_sessions(session_ids=[self.session.pk], at=at)
        rate_settled(session_id=self.session.pk, at=at)
        receipt = issue_receipt(cdr_id=Cdr.objects.get().pk, at=at)
        capture_receipt(receipt_id=receipt.pk, at=at)
        return self


@pytest.fixture
def charge(attempt, site) -> Charge:
    return Charge(attempt, site)


def look(driver: Driver, attempt: PaymentAttempt, page: str = "", **headers: str) -> str:
    response = driver.client.get(f"/s/{attempt.token}/{page}", headers=headers)
    assert response.status_code == 200
    return text_of(response)


class TestWhileWaiting:
    def test_leads_back_to_the_payment(self, driver):
        checkout = driver.press(driver.look())["Location"]
        attempt = PaymentAttempt.objects.get()

        page = look(driver, attempt)

        assert "Waiting for your payment" in page
        assert f'href="{checkout}"' in page
        assert "Cancel, I do not want to charge" in page

    def test_coming_back_from_the_payment_shows_that_it_starts(self, driver, attempt):
        page = look(driver, attempt)

        assert "The charger is starting" in page
        assert "Your card is good." in page

    def test_asks_for_the_plug_once_the_station_agrees(self, driver, attempt, site):
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        answer_command(site, accepted=True, at=NOW)

        assert "Plug in the car" in look(driver, attempt)

    def test_looks_again_by_itself_with_and_without_a_script(self, driver, attempt):
        page = look(driver, attempt)

        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
        assert f'hx-get="/s/{attempt.token}/live/" hx-trigger="every 3s, again"' in page
        assert '"includeIndicatorStyles": false, "allowEval": false' in page
        assert "style=" not in page

    def test_the_part_that_changes_is_sent_alone(self, driver, attempt):
        part = look(driver, attempt, "live/")

        assert part.lstrip().startswith('<div id="live"')
        assert "<html" not in part


class TestWhileCharging:
    def test_shows_energy_time_and_running_cost(self, driver, attempt, charge):
        """5.000 kWh × 0.50 = 2.50."""
        charge.begin().deliver(5 * KWH, at=charge.begun_at + 20 * MINUTE)

        page = look(driver, attempt)

        assert "5.000 kWh" in page
        assert "€2.50" in page
        assert "30 min" in page
        assert "Stop charging" in page

    def test_stop_asks_the_station_and_says_so(self, driver, attempt, charge):
        charge.begin()

        response = driver.client.post(f"/s/{attempt.token}/stop/")

        assert response["Location"] == f"/s/{attempt.token}/"
        assert [command.payload for command in stop_commands()] == [{"transactionId": charge.session.transaction_id}]
        assert "Stopping …" in look(driver, attempt)

    def test_stop_needs_our_token_against_forgery(self, attempt, charge):
        charge.begin()

        assert phone(enforce_csrf_checks=True).post(f"/s/{attempt.token}/stop/").status_code == 403
        assert stop_commands() == []

    def test_looking_stops_nothing(self, driver, attempt, charge):
        charge.begin()

        assert driver.client.get(f"/s/{attempt.token}/stop/").status_code == 405
        assert stop_commands() == []

    def test_the_code_s_page_leads_its_own_driver_here_and_tells_others_nothing_of_it(
        self, driver, another_driver, attempt, charge
    ):
        charge.begin()

        own, others = driver.look(), another_driver.look()

        assert f'href="/s/{attempt.token}/"' in own
        assert "This connector is in use since" in others
        assert attempt.token not in others


class TestAfterCharging:
    def test_finalises_first(self, driver, attempt, charge):
        charge.begin().end(10 * KWH, at=NOW)

        page = look(driver, attempt)

        assert "We are finalising the price." in page
        assert "Stop charging" not in page

    def test_then_shows_what_was_charged_and_what_released(self, driver, attempt, charge):
        """10.123 kWh × 0.50 = 5.0615 → 5.06; 60.00 − 5.06 = 54.94."""
        charge.begin().end(10 * KWH + 123_000, at=NOW).price()

        page = look(driver, attempt)

        assert "€5.06" in page
        assert "€54.94" in page
        assert "hx-get" not in page
        assert "refresh" not in page
        attempt.refresh_from_db()
        assert attempt.status == "captured"
        assert [violation for violation in find_violations() if violation.invariant != "I10"] == []

    def test_the_receipt_explains_the_price_down_to_the_readings(self, driver, attempt, charge):
        charge.begin().deliver(7 * KWH, at=charge.begun_at + 20 * MINUTE).end(10 * KWH, at=NOW).price()

        page = look(driver, attempt, "receipt/")

        for said in (
            "REC-",
            "€5.00",
            "€55.00",
            "10.000 kWh",
            "1,000.000 kWh → ",
            "€0.50 / kWh<small>at all times</small>",
            "3 meter",
        ):
            assert said in page
        assert "VAT 19%" in page

    def test_the_receipt_names_a_bound_in_the_driver_s_language(self, driver, site):
        sell_under(site, rules={"max_price": {"incl_vat": "4.00"}})
        charge = Charge(driver.pay(), site)
        charge.begin().end(10 * KWH, at=NOW).price()

        english = look(driver, charge.attempt, "receipt/")
        german = look(driver, charge.attempt, "receipt/", **{"accept-language": "de"})

        assert "limited to the maximum price" in english
        assert "€4.00" in english
        assert "auf den Höchstpreis begrenzt" in german

    def test_the_receipt_tells_idling_from_charging(self, driver, site):
        prices = [{"type": "ENERGY", "price": "0.50"}, {"type": "PARKING_TIME", "price": "6.00"}]
        sell_under(site, elements=[{"price_components": prices}])
        charge = Charge(driver.pay(), site)
        charge.begin().deliver(2 * KWH, at=NOW - 15 * MINUTE).idle(at=NOW - 10 * MINUTE)
        charge.end(2 * KWH, at=NOW).unplug(at=NOW).price()

        page = look(driver, charge.attempt, "receipt/")

        assert "€6.00 / h<small>while idle" in page
        assert "€2.00" in page  # 2 kWh × 0.50 + 10 min × 0.10

    def test_its_document_can_be_saved(self, driver, attempt, charge):
        charge.begin().end(10 * KWH, at=NOW).price()
        attempt.refresh_from_db()
        before = driver.client.get(f"/s/{attempt.token}/receipt/document/")
        render_document(invoice_id=attempt.receipt_id, at=NOW)

        response = driver.client.get(f"/s/{attempt.token}/receipt/document/")

        assert before.status_code == 404
        assert response["Content-Type"] in ("application/pdf", "text/html")
        assert "REC-" in response["Content-Disposition"]

    def test_a_small_amount_is_waived_and_all_of_the_hold_released(self, driver, attempt, charge):
        """0.900 kWh × 0.50 = 0.45, less than a card can be charged with."""
        charge.begin().end(900_000, at=NOW).price()

        page = look(driver, attempt)

        assert "€0.00" in page
        assert "€60.00" in page
        assert "this charge is on us" in page

    def test_a_session_in_review_says_that_a_person_looks(self, driver, attempt, charge):
        charge.begin().end(-5 * KWH, at=NOW)
        settle_sessions(session_ids=[charge.session.pk], at=NOW + 10 * MINUTE)

        assert "a person looks at it" in look(driver, attempt)


class TestNothingCharged:
    def test_says_why_and_leads_to_another_try(self, driver, attempt, pay_code):
        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW)

        page = look(driver, attempt)

        assert "You have cancelled." in page
        assert "The reservation of €60.00 is released." in page
        assert f'href="/c/{pay_code.code}/"' in page

    def test_lets_the_same_phone_try_again(self, driver, attempt):
        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW)

        again = driver.pay()

        assert again.pk != attempt.pk
        assert again.status == "authorised"


PAGES = ["", "live/", "return/", "receipt/", "receipt/document/"]


class TestAnotherAttemptsToken:
    @pytest.mark.parametrize("page", PAGES)
    def test_does_not_exist(self, driver, attempt, page):
        assert driver.client.get(f"/s/{attempt.token[:-1]}*/{page}").status_code == 404

    @pytest.mark.parametrize("page", ["receipt/", "receipt/signed.xml", "receipt/document/"])
    def test_has_no_receipt_before_it_is_issued(self, driver, attempt, page):
        assert driver.client.get(f"/s/{attempt.token}/{page}").status_code == 404

    def test_stops_nothing(self, driver, attempt, charge):
        charge.begin()

        assert driver.client.post("/s/0000000000000000000000/stop/").status_code == 404
        assert stop_commands() == []


class TestOnePaymentWhateverTellsOfIt:
    def test_starts_once_by_page_and_webhook_in_any_order(self, driver, site, attempt):
        for _ in range(2):
            sync_attempt(attempt_id=attempt.pk, at=NOW)
            services.start_charging(attempt_id=attempt.pk, at=NOW)
            driver.client.get(f"/s/{attempt.token}/return/")

        attempt.refresh_from_db()
        assert attempt.grant is not None
        assert site.station.commands.count() == 1

    def test_of_a_page_is_one_attempt_even_where_it_is_made_directly(self, site):
        wish = {
            "evse_id": site.evse.pk,
            "seller_id": site.owner.pk,
            "tariff_version_id": site.version.pk,
            "pay_code": "0" * 22,
            "hold_amount": 0,
            "currency": "EUR",
            "language": "de",
            "page_key": "one page",
            "at": NOW,
        }

        first, second = create_attempt(**wish), create_attempt(**wish)

        assert first.pk == second.pk


class TestADeclinedCard:
    def test_is_said_starts_nothing_and_another_card_pays(self, driver):
        checkout = driver.press(driver.look())["Location"]
        attempt = PaymentAttempt.objects.get()
        with pytest.raises(CheckoutRefused):
            complete_checkout(checkout, DECLINED)
        sync_attempt(attempt_id=attempt.pk, at=NOW)
        services.watch_starts(at=NOW)

        page = look(driver, attempt)

        assert "Your card was declined." in page
        assert f'href="{checkout}"' in page
        assert not StationCommand.objects.exists()
        complete_checkout(checkout, GOOD)
        assert settle(attempt).status == "authorised"


class TestARefund:
    def test_is_shown_beside_what_was_charged(self, driver, attempt, charge):
        charge.begin().end(10 * KWH, at=NOW).price()
        attempt.refresh_from_db()
        refund_document(document_id=attempt.receipt_id, reason="The cable was broken.", by=make_user(), at=NOW)

        pages = [look(driver, attempt), look(driver, attempt, "receipt/")]

        assert all("Refunded" in page and "€5.00" in page for page in pages)


class TestAPageThatLooksAgain:
    def test_is_counted_by_itself_and_not_by_the_router_before_it(self, driver, attempt):
        answers = [driver.client.get(f"/s/{attempt.token}/live/").status_code for _ in range(121)]

        assert answers == [200] * 120 + [429]
        assert driver.client.get("/s/0000000000000000000000/").status_code == 404
