"""Benchmarks: what it costs to rate, to answer chargers and to bill (docs/benchmarks.md).

Each part measures and compares results exactly in the same run; what it never asserts is a time.
"""
