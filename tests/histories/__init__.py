"""Seeded random histories of payments: whatever network, machines, banks and people do, both books end equal.

``weather``  what the dice make of calls and events; the benchmark's rival lives in the same
``house``    our processes: a queue, sweepers, a clock, killed anywhere, one at work in the midst of another
``driver``, ``fleet``  what people, chargers and banks may do next
``books``    what must be true when all is quiet
``telling``  one history from its seed to its verdict

``python -m tests.histories driver 17`` tells one again, with each step. docs/payments-proof.md
"""
