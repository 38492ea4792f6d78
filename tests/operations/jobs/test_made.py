"""How far a job is never goes back within a step."""

from hypothesis import given
from hypothesis import strategies as st

from operations.jobs.made import Told

numbers = st.integers(-5, 50)


@given(st.lists(st.one_of(st.tuples(st.just("add"), numbers), st.tuples(st.just("at"), numbers))))
def test_progress_never_goes_back(steps: list[tuple[str, int]]) -> None:
    told = Told()
    told.begin("reading", 10)
    for what, number in steps:
        before = told.now
        told.add(number) if what == "add" else told.at(number, 10)
        assert before.done <= told.now.done <= told.now.total
        assert told.now.total >= before.total or what == "at"
    added = sum(max(0, number) for what, number in steps if what == "add")
    assert told.now.done >= added
    told.begin("writing", 3)
    assert (told.now.done, told.now.total, told.now.text) == (0, 3, "writing")
