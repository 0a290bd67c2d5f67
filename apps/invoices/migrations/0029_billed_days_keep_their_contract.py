"""What was billed of a contract's days stays: its end does not move among them, by hand or by notice.

Contracts that were ended by hand before have no plan from the first day on that is not billed.
"""

from django.db import migrations

ENDED_BEFORE = """
INSERT INTO contracts_ending (contract_id, first_day)
SELECT contract.id, greatest(
    (now() AT TIME ZONE seller.time_zone)::date,
    (SELECT max(last_day) + 1 FROM invoices_billedperiod WHERE is_closed AND contract_id = contract.id)
)
FROM contracts_contract contract JOIN accounts_organisation seller ON seller.id = contract.seller_id
WHERE contract.status = 'ended' AND (contract.valid_to IS NULL OR contract.valid_to > now());
"""
TRIGGER = """
CREATE FUNCTION refuse_billed_days(contract bigint, first_day date, end_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    closed date;
BEGIN
    SELECT max(last_day) INTO closed FROM invoices_billedperiod WHERE is_closed AND contract_id = contract;
    IF first_day <= closed AND EXISTS (
        SELECT 1 FROM contracts_contractplan plan WHERE plan.contract_id = contract
        AND daterange(plan.first_day, plan.end_day) && daterange(
            refuse_billed_days.first_day, least(refuse_billed_days.end_day, closed + 1)
        )
    ) THEN
        RAISE EXCEPTION 'days that were billed keep their contract' USING ERRCODE = 'restrict_violation';
    END IF;
END $$;

CREATE FUNCTION contract_end_of_billed_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    time_zone text := (SELECT seller.time_zone FROM accounts_organisation seller WHERE seller.id = NEW.seller_id);
    before date := ((OLD.valid_to - interval '1 microsecond') AT TIME ZONE time_zone)::date + 1;
    after date := ((NEW.valid_to - interval '1 microsecond') AT TIME ZONE time_zone)::date + 1;
BEGIN
    IF before IS DISTINCT FROM after THEN
        PERFORM refuse_billed_days(
            NEW.id, least(before, after), CASE WHEN before IS NOT NULL AND after IS NOT NULL
            THEN greatest(before, after) END
        );
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_end_of_billed_days BEFORE UPDATE OF valid_to ON contracts_contract
FOR EACH ROW EXECUTE FUNCTION contract_end_of_billed_days();

CREATE FUNCTION ending_of_billed_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM refuse_billed_days(NEW.contract_id, NEW.first_day, NEW.end_day);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM refuse_billed_days(OLD.contract_id, OLD.first_day, OLD.end_day);
        RETURN OLD;
    ELSIF (NEW.contract_id, NEW.first_day) IS DISTINCT FROM (OLD.contract_id, OLD.first_day) THEN
        RAISE EXCEPTION 'the first day of an ending stays' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.end_day IS DISTINCT FROM OLD.end_day THEN
        PERFORM refuse_billed_days(
            NEW.contract_id, least(NEW.end_day, OLD.end_day),
            CASE WHEN NEW.end_day IS NOT NULL AND OLD.end_day IS NOT NULL THEN greatest(NEW.end_day, OLD.end_day) END
        );
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ending_of_billed_days BEFORE INSERT OR UPDATE OR DELETE ON contracts_ending
FOR EACH ROW EXECUTE FUNCTION ending_of_billed_days();
"""
BACK = """
DROP TRIGGER ending_of_billed_days ON contracts_ending;
DROP TRIGGER contract_end_of_billed_days ON contracts_contract;
DROP FUNCTION ending_of_billed_days();
DROP FUNCTION contract_end_of_billed_days();
DROP FUNCTION refuse_billed_days(bigint, date, date);
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0023_lines_written_together"), ("contracts", "0029_endings")]
    operations = [
        migrations.RunSQL(ENDED_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGER, BACK),
    ]
