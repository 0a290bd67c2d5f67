"""The only list of what a bell wakes (bell → task names) and how often a sweeper finds the same work by query.

A lower app rings (``core.bells.ring_on_commit``) and never names an upper app's task. The bell makes the work
prompt, the sweeper makes it certain: losing every message of the broker costs time, no fact.
"""

BELLS: dict[str, tuple[str, ...]] = {
    "session.settled": ("sessions.rate_settled",),
    "session.late_evidence": ("sessions.rate_again",),
    "session.signed": ("sessions.check_signatures",),
    "session.rated": ("invoices.issue_receipt", "payments.correct_charge"),
    "receipt.issued": ("invoices.render_document", "payments.capture_receipt"),
    "invoice.issued": ("invoices.render_document", "payments.collect_invoice", "payments.state_owed"),
    "invoice.settled": ("payments.collect_invoice", "payments.state_owed"),
    "attempt.authorised": ("adhoc.start_charging",),
    "method.activated": ("payments.collect_customer",),
    "payment.surplus": ("payments.refund_surplus",),
    "payment.operation": ("payments.drive_operation",),
    "payment.collected": ("accounting.share_payment",),
    "collected.refunded": ("accounting.take_back_share",),
    "statement.made": ("accounting.render_statement",),
    "stripe.event": ("payments.process_event", "accounting.follow_event"),
    "dispute.opened": ("payments.prepare_evidence",),
    "card.changed": ("ocpp.forget_cards",),
    "mail.enqueued": ("documents.send_mails",),
    "trial.waiting": ("analytics.price_trial",),
}

# Task name → seconds between two sweeps.
SWEEPERS: dict[str, float] = {
    "sessions.sweep_unsettled": 60.0,
    "sessions.sweep_unrated": 60.0,
    "sessions.sweep_reservations": 60.0,
    "sessions.sweep_late_evidence": 60.0,
    "sessions.sweep_spending": 300.0,
    "sessions.sweep_signatures": 60.0,
    "stations.sweep_commands": 15.0,
    "ocpp.forget_cards": 60.0,
    "ocpp.ask_displays": 60.0,
    "ocpp.tell_costs": 10.0,
    "ocpp.tell_tariffs": 60.0,
    "stations.sweep_keys": 300.0,
    "adhoc.sweep_starts": 15.0,
    "adhoc.sweep_buyers": 60.0,
    "invoices.sweep_receipts": 60.0,
    "invoices.sweep_undocumented": 300.0,
    "payments.sweep_due": 300.0,
    "payments.sweep_owed": 300.0,
    "payments.sweep_attempts": 60.0,
    "payments.sweep_expiring": 300.0,
    "payments.sweep_operations": 60.0,
    "payments.sweep_events": 60.0,
    "payments.sweep_too_much": 300.0,
    "accounting.sweep_shares": 60.0,
    "accounting.sweep_statements": 3600.0,
    "payments.sweep_expiring_cards": 21_600.0,
    "payments.sweep_disputes": 900.0,
    "analytics.sweep_trials": 60.0,
    "accounting.sweep_stripe": 900.0,
    "console.sweep_alerts": 60.0,
    "documents.send_mails": 60.0,
    "sessions.forget_unbilled": 21_600.0,
    "ocpp.forget_frames": 21_600.0,
}
