"""What coverage.py says of a total, as it says it itself: rounded to a number of
decimals, to which a limit is held too."""

import coverage.results


def shown(percent, precision):
    """The total as people read it. It is 0 or 100 only when that is so."""
    display = getattr(coverage.results, "display_covered", None)
    if display is not None:
        return display(percent, precision)
    near0 = 1.0 / 10**precision  # coverage.py before 7.6 has this in a class
    if 0 < percent < near0:
        percent = near0
    elif 100.0 - near0 < percent < 100:
        percent = 100.0 - near0
    return "%.*f" % (precision, round(percent, precision))


def missed(percent, limit, precision, exact):
    """Whether a limit is missed. exact: pytest-cov before 6.1 did not round."""
    if exact:
        return percent < limit
    return coverage.results.should_fail_under(percent, limit, precision)
