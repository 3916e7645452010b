import pytest

from pulmo.training.schedule import WarmUpThenCosine


@pytest.mark.parametrize(
    ("step", "rate"),
    # Up in 10 steps, then 40 steps of cosine: a quarter of it is (1 + cos 45°)/2 = 0.853553, half of it 1/2.
    [(0, 0), (5, 0.1), (10, 0.2), (20, 0.2 * 0.8535534), (30, 0.1), (50, 0), (60, 0)],
)
def test_up_in_a_line_down_in_a_cosine(step: int, rate: float) -> None:
    assert float(WarmUpThenCosine(0.2, steps=50, warm_up_steps=10)(step)) == pytest.approx(rate, abs=1e-7)


def test_a_training_shorter_than_its_warm_up_never_stands_still() -> None:
    schedule = WarmUpThenCosine(0.2, steps=4, warm_up_steps=10)
    assert [float(schedule(step)) for step in (0, 3, 4)] == pytest.approx([0, 0.2, 0])


def test_without_warm_up_it_starts_at_the_peak() -> None:
    schedule = WarmUpThenCosine(0.2, steps=40, warm_up_steps=0)
    assert [float(schedule(step)) for step in (0, 20, 40)] == pytest.approx([0.2, 0.1, 0], abs=1e-7)
