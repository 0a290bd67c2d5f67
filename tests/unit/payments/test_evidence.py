"""What the bank is told: our facts in words, never longer than it takes."""

from dataclasses import replace

from apps.payments.domain.evidence import LONGEST, ChargeTold, SessionTold, cleaned, compose

SESSION = SessionTold(
    began="2026-11-02 18:04:11 CET",
    ended="2026-11-02 19:10:00 CET",
    place="Depot North, Kai 1, 20457 Hamburg",
    station="CS-1, charging point 2",
    energy="20.000 kWh",
    permission="the driver reserved the money on the payment page for at most €25.00, 2026-11-02 18:03:00 CET",
    price="Energy: €0.50 per kWh.",
    signed="The calibrated meter signed its readings, and the signature was verified (key ab12).",
    readings=("2026-11-02 18:04:11 CET: 1,000.000 kWh", "2026-11-02 19:10:00 CET: 1,020.000 kWh"),
    total="€10.00",
)
CHARGE = ChargeTold(
    document="Receipt REC-2026-000001",
    amount="€10.00",
    service_date="2026-11-02",
    customer_name="",
    customer_email="",
    sessions=[SESSION],
)


class TestTheAnswer:
    def test_tells_time_place_energy_price_permission_and_signature(self):
        texts = compose(CHARGE)

        assert texts["service_date"] == "2026-11-02"
        assert "Depot North, Kai 1, 20457 Hamburg (20.000 kWh)" in texts["product_description"]
        assert texts["access_activity_log"].splitlines() == [
            "Station CS-1, charging point 2, Depot North, Kai 1, 20457 Hamburg",
            f"Permission: {SESSION.permission}",
            "Began 2026-11-02 18:04:11 CET, ended 2026-11-02 19:10:00 CET, delivered 20.000 kWh",
            "Meter: 2026-11-02 18:04:11 CET: 1,000.000 kWh",
            "Meter: 2026-11-02 19:10:00 CET: 1,020.000 kWh",
        ]
        for words in ("Receipt REC-2026-000001 over €10.00", "Energy: €0.50 per kWh.", "the signature was verified"):
            assert words in texts["uncategorized_text"]

    def test_of_an_anonymous_driver_names_nobody(self):
        assert not {"customer_name", "customer_email_address"} & compose(CHARGE).keys()

    def test_leaves_readings_out_of_the_middle_and_says_how_many(self):
        many = replace(SESSION, readings=tuple(f"reading {number}" for number in range(100)))

        log = compose(replace(CHARGE, sessions=[many]))["access_activity_log"]

        assert log.count("Meter: reading") == 40
        assert "reading 19\nMeter: … 60 readings between …\nMeter: reading 80" in log

    def test_is_never_longer_than_the_bank_takes(self):
        long = replace(SESSION, price="€" * 30_000)

        text = compose(replace(CHARGE, sessions=[long] * 60))["uncategorized_text"]

        assert len(text) == LONGEST
        assert text.endswith("[shortened]")

    def test_as_edited_keeps_known_fields_with_something_in_them(self):
        edited = {"customer_name": "  ", "uncategorized_text": " true\x00 ", "shipping_carrier": "none"}

        assert cleaned(edited) == {"uncategorized_text": "true"}
