"""Paths of the tree as the user has them."""

import re


def shown(desk):
    """A function that puts the checkout's path where a text has the tree's, but for
    one that is a part of a longer name. desk is worker.Desk, or None."""
    here, there = (desk["here"], desk["there"]) if desk else ("", "")
    if not here or not there or here == there:
        return lambda text: text
    found = re.compile(r"(?<![\w.-])" + re.escape(here) + r"(?![\w-]|\.[\w-])")
    return lambda text: found.sub(lambda _: there, text) if here in text else text
