"""Values in buckets, as Prometheus counts them."""

from vivesphere.kernel.db.spread import Histogram, Spread


def test_a_value_on_a_bound_belongs_to_it_and_what_is_greater_than_all_is_counted() -> None:
    spread = Spread((1, 10))
    for value in (0.5, 1, 2, 10, 11):
        spread.add(value)
    assert spread.told() == Histogram(bounds=(1.0, 10.0), counts=(2, 2, 1), total=24.5)
