"""A short fuzz run with fixed seeds: the same frames each time; ``python -m tests.fuzz.ocpp`` is the long one."""

import pytest

from apps.core import audit
from apps.ocpp.models import Frame
from tests.factories import make_site
from tests.fuzz.fuzzer import Fuzzer, settle

pytestmark = pytest.mark.django_db


class TestAFuzzedStation:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_never_breaks_the_law_and_leaves_a_clean_audit(self, seed):
        site = make_site()
        fuzzer = Fuzzer(site.station, token=site.token.uid, seed=seed)

        tally = fuzzer.run(rounds=50)
        settle()

        assert tally.runs == {"decoder": 50, "handlers": 50, "handlers, broken": 50}
        assert tally.ends["answered"] > 10
        assert tally.ends["decoder: Refusal"] > 10
        assert Frame.objects.exists()
        assert list(audit.find_violations()) == []
