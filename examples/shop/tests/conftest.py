import time

import pytest

from shop import Stock


@pytest.fixture(scope="module")
def warehouse():
    time.sleep(0.2)  # a service that starts slowly
    return Stock(latency=0.02)
