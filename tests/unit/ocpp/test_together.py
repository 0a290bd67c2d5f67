"""What many ask for at the same moment, done in one go."""

import asyncio
import threading

import pytest

from apps.ocpp.together import MAX_BATCH, Together


class Doubling:
    """Work that notes its batches; the first one lasts until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()

    def __call__(self, ones):
        self.batches.append(list(ones))
        assert self.may_go_on.wait(5)
        if 13 in ones:
            raise ValueError("thirteen")
        return [one * 2 for one in ones]


async def ask_during_the_first(together: Together, work: Doubling, ones) -> list:
    first = asyncio.create_task(together.ask(0))
    while not work.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(together.ask(one)) for one in ones]
    await asyncio.sleep(0)
    work.may_go_on.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


class TestTogether:
    def test_serves_all_who_came_meanwhile_in_one_go_each_with_its_own_result(self):
        work = Doubling()

        results = asyncio.run(ask_during_the_first(Together(work), work, [5, 6, 7]))

        assert results == [0, 10, 12, 14]
        assert work.batches == [[0], [5, 6, 7]]

    def test_takes_no_more_at_once_than_a_batch(self):
        work = Doubling()

        asyncio.run(ask_during_the_first(Together(work), work, range(100, 100 + MAX_BATCH + 1)))

        assert [len(batch) for batch in work.batches] == [1, MAX_BATCH, 1]

    def test_tells_all_of_a_batch_what_went_wrong_and_goes_on(self):
        work = Doubling()
        together = Together(work)

        async def story():
            failed = await ask_during_the_first(together, work, [12, 13])
            return failed, await together.ask(14)

        (first, *failed), after = asyncio.run(story())

        assert (first, after) == (0, 28)
        assert [str(error) for error in failed] == ["thirteen", "thirteen"]

    def test_passes_over_who_has_left(self):
        work = Doubling()
        together = Together(work)

        async def story():
            leaving = None
            first = asyncio.create_task(together.ask(0))
            while not work.batches:
                await asyncio.sleep(0)
            leaving, staying = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
            await asyncio.sleep(0)
            leaving.cancel()
            work.may_go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            return await asyncio.gather(first, staying)

        assert asyncio.run(story()) == [0, 4]
        assert work.batches == [[0], [2]]
