"""Which steps lead to the first paid session, and which of them are done."""

from dataclasses import replace

from apps.console.domain.onboarding import Facts, Slug, next_step, steps_of

NOTHING = Facts(
    missing_legal=["street"],
    untaxed=["Germany"],
    sites=0,
    stations=0,
    bare_stations=0,
    seen_stations=0,
    published_tariffs=0,
    draft_tariffs=0,
    assignments=0,
    connectors=0,
    bare_connectors=0,
    has_keys=False,
    has_webhook=False,
    paid=False,
)
ALL = Facts(
    missing_legal=[],
    untaxed=[],
    sites=1,
    stations=1,
    bare_stations=0,
    seen_stations=1,
    published_tariffs=1,
    draft_tariffs=0,
    assignments=1,
    connectors=2,
    bare_connectors=0,
    has_keys=True,
    has_webhook=True,
    paid=True,
)


def open_steps(facts: Facts) -> dict[Slug, str]:
    return {step.slug: step.missing for step in steps_of(facts) if not step.is_done}


class TestSteps:
    def test_are_all_open_at_first_and_begin_with_the_company(self):
        steps = steps_of(NOTHING)

        assert [step.slug for step in steps] == list(Slug)
        assert not any(step.is_done for step in steps)
        assert next_step(steps) == steps[0]
        assert steps[0].missing == "Still empty: street."

    def test_are_done_when_they_are_true(self):
        assert open_steps(ALL) == {}
        assert next_step(steps_of(ALL)) is None

    def test_open_again_when_they_are_no_longer_true(self):
        facts = replace(ALL, untaxed=["Austria"], bare_stations=2, bare_connectors=1, has_webhook=False)

        assert open_steps(facts) == {
            Slug.TAX: "None in force for Austria.",
            Slug.CONNECTORS: "2 stations have none.",
            Slug.STICKERS: "1 of 2 connectors have none.",
            Slug.STRIPE: "No event of Stripe's has arrived yet.",
        }

    def test_wait_for_what_they_need_and_the_next_is_one_that_can_be_done(self):
        facts = replace(NOTHING, missing_legal=[], untaxed=[], sites=1, draft_tariffs=1)
        steps = {step.slug: step for step in steps_of(facts)}

        assert {slug: step.waits_for for slug, step in steps.items() if step.waits_for} == {
            Slug.CONNECTORS: Slug.STATION,
            Slug.ONLINE: Slug.STATION,
            Slug.ASSIGNED: Slug.TARIFF,
            Slug.STICKERS: Slug.CONNECTORS,
            Slug.PAID: Slug.ASSIGNED,
        }
        assert next_step(list(steps.values())) == steps[Slug.STATION]
        assert steps[Slug.TARIFF].missing == "A draft waits to be published."
