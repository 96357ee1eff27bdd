"""Texts "latitude,longitude" as pairs of whole numbers, and back. Knows no cells and no codes.

Taken are decimal degrees, with sign, spaces, exponents, or no point at all: ``48.2082,16.3738``, ``+48,16``,
``-.5 , 1e-05``. Everything else is no place: other separators, degree signs, letters, latitudes beyond 90 and
longitudes beyond 180 degrees.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.encodings.value_counts import Mask

Integers = npt.NDArray[np.int64]
# A centimetre; and the world in ticks of it is just below 2**32.
MAX_DECIMALS = 7
NORTH_END, EAST_END = 90, 180

_NUMBER = (
    r"[+-]?(?:[0-9]+(?:\.(?P<{0}_decimals>[0-9]*))?|\.(?P<{0}_only>[0-9]+))(?:[eE](?P<{0}_exponent>[+-]?[0-9]{{1,3}}))?"
)
_PATTERN = rf"^\s*(?P<lat>{_NUMBER.format('lat')})\s*,(?P<space>\s*)(?P<long>{_NUMBER.format('long')})\s*$"


@dataclass(frozen=True)
class Coordinates:
    """Texts of a column, taken apart; one entry per text.

    Args:
        is_place: Which of them are coordinates. What the others have in the other arrays means nothing.
        latitudes: Degrees.
        longitudes: Degrees.
        fewest: Number of decimals of that of both which has fewer.
        most: Number of decimals of the other one.
        has_space: Whether there is a space after the comma.
    """

    is_place: Mask
    latitudes: npt.NDArray[np.float64]
    longitudes: npt.NDArray[np.float64]
    fewest: Integers
    most: Integers
    has_space: Mask

    @classmethod
    def of(cls, texts: pa.Array) -> "Coordinates":
        """Take ``large_string`` apart."""
        parts = pc.extract_regex(texts, _PATTERN)
        latitudes, longitudes = _degrees(parts, "lat"), _degrees(parts, "long")
        decimals = np.sort([_decimals(parts, "lat"), _decimals(parts, "long")], axis=0)
        space = pc.not_equal(pc.struct_field(parts, "space"), "").fill_null(False)
        return cls(
            is_place=(np.abs(latitudes) <= NORTH_END) & (np.abs(longitudes) <= EAST_END),
            latitudes=latitudes,
            longitudes=longitudes,
            fewest=decimals[0],
            most=decimals[1],
            has_space=space.to_numpy(zero_copy_only=False),
        )


def _degrees(parts: pa.StructArray, name: str) -> npt.NDArray[np.float64]:
    numbers = pc.utf8_ltrim(pc.struct_field(parts, name), "+").cast(pa.float64())
    degrees: npt.NDArray[np.float64] = numbers.fill_null(np.nan).to_numpy(zero_copy_only=False)
    return degrees


def _decimals(parts: pa.StructArray, name: str) -> Integers:
    """How many decimals each number has; one with an exponent as many as it would have without."""
    written = [pc.utf8_length(pc.struct_field(parts, f"{name}_{part}")).fill_null(0) for part in ("decimals", "only")]
    exponent = pc.struct_field(parts, f"{name}_exponent")
    exponent = pc.utf8_ltrim(pc.if_else(pc.equal(exponent, ""), "0", exponent), "+").cast(pa.int64()).fill_null(0)
    decimals: Integers = np.maximum(pc.add(*written).to_numpy() - exponent.to_numpy(), 0)
    return decimals


def to_ticks(degrees: npt.NDArray[np.float64], decimals: int, end: int) -> npt.NDArray[np.uint64]:
    """Degrees from -`end` to `end` as multiples of ``10**-decimals`` above -`end`."""
    ticks: npt.NDArray[np.uint64] = (np.rint(degrees * 10**decimals) + end * 10**decimals).astype(np.uint64)
    return ticks


def to_texts(ticks: npt.NDArray[np.uint64], decimals: int, shown: int, end: int) -> pa.Array:
    """The inverse of `to_ticks` as ``large_string``, with `decimals` decimals less the zeros at the end beyond `shown`.

    >>> to_texts(np.array([900_005, 1_800_000, 899_995], np.uint64), 4, 1, 90).to_pylist()
    ['0.0005', '90.0', '-0.0005']
    """
    signed = ticks.astype(np.int64) - end * 10**decimals
    whole, fraction = np.divmod(np.abs(signed), 10**decimals)
    degrees = joined(pa.array(np.where(signed < 0, "-", "")).cast(pa.large_string()), _written(whole))
    if decimals == 0:
        return degrees
    digits = pc.utf8_lpad(_written(fraction), decimals, "0")
    always, rest = pc.utf8_slice_codeunits(digits, 0, shown), pc.utf8_slice_codeunits(digits, shown)
    digits = joined(always, pc.utf8_rtrim(rest, "0"))
    point = pc.if_else(pc.equal(digits, ""), "", ".").cast(pa.large_string())
    return joined(degrees, point, digits)


def joined(*parts: pa.Array, by: str = "") -> pa.Array:
    """Texts of each row one after the other, all ``large_string``."""
    return pc.binary_join_element_wise(*parts, pa.scalar(by, pa.large_string()))


def _written(integers: Integers) -> pa.Array:
    return pa.array(integers).cast(pa.large_string())
