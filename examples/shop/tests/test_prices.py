import pytest

from shop import total


@pytest.mark.parametrize("discount", range(0, 101, 5))
def test_discount(discount):
    assert total([10, 20, 30], discount) == round(60 * (100 - discount) / 100, 2)


@pytest.mark.parametrize("discount", [-1, 101])
def test_discount_out_of_range(discount):
    with pytest.raises(ValueError):
        total([1], discount)
