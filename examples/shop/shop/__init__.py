"""A small shop: prices, a stock that answers slowly, and orders."""

import time
from dataclasses import dataclass, field


def total(prices, discount=0):
    """The sum of prices, less a discount in percent."""
    if not 0 <= discount <= 100:
        raise ValueError(f"a discount of {discount} %")
    return round(sum(prices) * (100 - discount) / 100, 2)


class Stock:
    """A stock behind a slow service."""

    def __init__(self, latency):
        self.latency = latency
        self.items = {}

    def put(self, name, count):
        time.sleep(self.latency)
        self.items[name] = self.items.get(name, 0) + count

    def take(self, name, count):
        time.sleep(self.latency)
        if self.items.get(name, 0) < count:
            raise LookupError(f"{count} {name}: only {self.items.get(name, 0)} there")
        self.items[name] -= count


@dataclass
class Order:
    stock: Stock
    lines: list = field(default_factory=list)

    def add(self, name, count):
        self.stock.take(name, count)
        self.lines.append((name, count))
