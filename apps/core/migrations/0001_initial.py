"""Database functions and extensions that the other apps' constraints use."""

from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations

# ISO 4217 exponents other than two; the same table as core.domain.money (a test compares them).
MINOR_UNIT = """
CREATE FUNCTION minor_unit(currency text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN currency IN ({zero}) THEN 0
    WHEN currency IN ({three}) THEN 3
    ELSE 2
  END
$$
"""
ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
THREE = "BHD IQD JOD KWD LYD OMR TND".split()


def _sql() -> str:
    return MINOR_UNIT.format(zero=", ".join(f"'{c}'" for c in ZERO), three=", ".join(f"'{c}'" for c in THREE))


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        BtreeGistExtension(),
        migrations.RunSQL(_sql(), "DROP FUNCTION minor_unit(text)"),
    ]
