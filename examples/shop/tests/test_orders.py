import time

import pytest

from shop import Order


@pytest.mark.parametrize("count", range(1, 21))
def test_take_what_is_there(warehouse, count):
    warehouse.put("orders", count)
    Order(warehouse).add("orders", count)
    assert warehouse.items["orders"] == 0


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.3, 0.5, 0.8, 1.3])
def test_delivery(seconds):
    time.sleep(seconds)


def test_more_than_there_is(warehouse):
    with pytest.raises(LookupError):
        Order(warehouse).add("gold", 1)
