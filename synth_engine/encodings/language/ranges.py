"""Grammars of ranges of numbers: exactly the decimal numbers from one to another, on a grid of so many decimals.

Belongs here: ranges of digits. Does not belong here: how a column's values become digits.
"""

from synth_engine.encodings.language.ebnf import either


def number_range(low: int, high: int, decimals: int = 0) -> str:
    """Numbers from `low` to `high`, both whole multiples of ``10**-decimals``, as an expression of a grammar.

    Numbers have all of their decimals and no zeros in front but one before the point; there is no negative zero.

    >>> number_range(8, 23)
    '([8-9] | ("1" [0-9] | "2" [0-3]))'
    >>> number_range(-5, 105, decimals=2)
    '("-" "0" "." "0" [1-5] | ("0" "." [0-9]{2} | "1" "." "0" [0-5]))'
    """
    assert low <= high
    assert decimals >= 0
    parts = []
    if low < 0:
        parts.append(f'"-" {_magnitudes(max(1, -high), -low, decimals)}')
    if high >= 0:
        parts.append(_magnitudes(max(low, 0), high, decimals))
    return either(parts)


def _magnitudes(low: int, high: int, decimals: int) -> str:
    """Numbers that are not negative, one option for each number of digits before the point."""
    options, width = [], decimals + 1
    while True:
        first = 0 if width == decimals + 1 else 10 ** (width - 1)
        start, stop = max(low, first), min(high, 10**width - 1)
        if start <= stop:
            options.append(digits_between(f"{start:0{width}}", f"{stop:0{width}}", decimals))
        if high < 10**width:
            return either(options)
        width += 1


def digits_between(low: str, high: str, decimals: int = 0) -> str:
    """Strings of digits from `low` to `high`, which have the same length; a point before the last `decimals` of them.

    >>> digits_between("017", "123")
    '("0" ("1" [7-9] | [2-9] [0-9]) | "1" ([0-1] [0-9] | "2" [0-3]))'
    """
    size = len(low)
    if size == 0:
        return ""
    point = '"." ' if 0 < size == decimals else ""
    if low == "0" * size and high == "9" * size:
        return point + _any_digits(size, decimals)
    if low[0] == high[0]:
        return f'{point}"{low[0]}" {digits_between(low[1:], high[1:], decimals)}'.rstrip()
    return point + either(_options(low, high, decimals))


def _options(low: str, high: str, decimals: int) -> list[str]:
    """By the first digit, which is not the same in both: that of `low`, those between, that of `high`."""
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    begins, ends = low[1:] == "0" * rest, high[1:] == "9" * rest
    options = [] if begins else [f'"{first}" {digits_between(low[1:], "9" * rest, decimals)}']
    start, stop = first + (not begins), last - (not ends)
    if start <= stop:
        between = f'"{start}"' if start == stop else f"[{start}-{stop}]"
        options.append(f"{between} {digits_between('0' * rest, '9' * rest, decimals)}".rstrip())
    if not ends:
        options.append(f'"{last}" {digits_between("0" * rest, high[1:], decimals)}')
    return options


def _any_digits(size: int, decimals: int) -> str:
    """Any digits; a point before the last `decimals`, unless that is where they begin."""
    if not 0 < decimals < size:
        return _times(size)
    return f'{_times(size - decimals)} "." {_times(decimals)}'


def _times(size: int) -> str:
    return "[0-9]" if size == 1 else f"[0-9]{{{size}}}"
