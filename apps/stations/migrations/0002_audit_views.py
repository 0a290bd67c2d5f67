"""I15: each station command ends."""

from django.db import migrations

I15 = """
CREATE VIEW audit_i15_station_command_ends AS
SELECT 'station command ' || id AS subject,
       action || ' is still ' || status || ' 15 minutes after its deadline' AS problem
FROM stations_stationcommand
WHERE status IN ('requested', 'sent') AND deadline_at < now() - interval '15 minutes'
"""


class Migration(migrations.Migration):
    dependencies = [("stations", "0001_initial")]
    operations = [migrations.RunSQL(I15, "DROP VIEW audit_i15_station_command_ends")]
