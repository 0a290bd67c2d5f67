"""A short fuzz run with fixed seeds: the same frames each time; ``python -m tests.fuzz.ocpp`` is the long one."""

import pytest

from apps.core import audit
from apps.ocpp.models import Frame
from tests.factories import make_site
from tests.fuzz.fuzzer import Fuzzer, settle

pytestmark = pytest.mark.django_db


class TestAFuzzedStation:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_never_breaks_the_law_and_leaves_a_clean_audit(self, seed):
        site = make_site()
        fuzzer = Fuzzer(site.station, token=site.token.uid, seed=seed)

        tally = fuzzer.run(rounds=80)
        settle()

        assert tally.runs == {"decoder": 80, "handlers": 80, "handlers, broken": 80}
        assert tally.ends["answered"] > 20
        assert tally.ends["decoder: Refusal"] > 20
        assert Frame.objects.exists()
        assert list(audit.find_violations()) == []
