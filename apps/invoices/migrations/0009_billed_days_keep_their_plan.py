"""The plan of days that were billed stays: nothing begins, ends or goes there afterwards."""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION contract_plan_of_billed_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed date;
BEGIN
    SELECT max(last_day) INTO closed FROM invoices_billedperiod
    WHERE is_closed AND contract_id = CASE WHEN TG_OP = 'INSERT' THEN NEW.contract_id ELSE OLD.contract_id END;
    IF closed IS NOT NULL AND (
        (TG_OP = 'INSERT' AND NEW.first_day <= closed)
        OR (TG_OP = 'DELETE' AND OLD.first_day <= closed)
        OR (TG_OP = 'UPDATE' AND (
            ((NEW.contract_id, NEW.plan_id, NEW.first_day) IS DISTINCT FROM
                (OLD.contract_id, OLD.plan_id, OLD.first_day) AND least(NEW.first_day, OLD.first_day) <= closed)
            OR (NEW.end_day IS DISTINCT FROM OLD.end_day AND least(NEW.end_day, OLD.end_day) <= closed)
        ))
    ) THEN
        RAISE EXCEPTION 'days that were billed keep their plan' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_plan_of_billed_days BEFORE INSERT OR UPDATE OR DELETE ON contracts_contractplan
FOR EACH ROW EXECUTE FUNCTION contract_plan_of_billed_days();
"""
BACK = """
DROP TRIGGER contract_plan_of_billed_days ON contracts_contractplan;
DROP FUNCTION contract_plan_of_billed_days();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0008_plans"), ("contracts", "0008_plans")]
    operations = [migrations.RunSQL(TRIGGER, BACK)]
