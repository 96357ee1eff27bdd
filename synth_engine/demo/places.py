"""Countries and their cities: the words, coordinates and weights behind `country`, `city` and `location`.

Only geography belongs here; how ages, segments or incomes differ between the wealth tiers is in `known.py`.
"""

from typing import NamedTuple

HIGH, MIDDLE, LOW = range(3)
"""Wealth tiers of countries, used as row numbers of the tables in `known.py`."""

RARE_COUNTRY_FIRST_WEIGHT = 0.9
RARE_COUNTRY_RATIO = 0.8


class City(NamedTuple):
    """A city and its centre in degrees."""

    name: str
    latitude: float
    longitude: float


class Country(NamedTuple):
    """An ISO 3166 country; weights are relative, cities are listed from the most to the least likely."""

    code: str
    weight: float
    tier: int
    culture: str
    cities: tuple[City, ...]


_COMMON = (
    Country("US", 24.0, HIGH, "english", (
        City("New York", 40.713, -74.006), City("Los Angeles", 34.052, -118.244), City("Chicago", 41.878, -87.630),
        City("Houston", 29.760, -95.370), City("Phoenix", 33.448, -112.074), City("Seattle", 47.606, -122.332),
        City("Boston", 42.360, -71.059), City("Fargo", 46.877, -96.790),
    )),
    Country("DE", 18.0, HIGH, "german", (
        City("Berlin", 52.520, 13.405), City("Hamburg", 53.551, 9.994), City("München", 48.137, 11.576),
        City("Köln", 50.938, 6.960), City("Leipzig", 51.340, 12.375), City("Görlitz", 51.153, 14.988),
    )),
    Country("GB", 12.0, HIGH, "english", (
        City("London", 51.507, -0.128), City("Manchester", 53.481, -2.242), City("Birmingham", 52.486, -1.890),
        City("Glasgow", 55.861, -4.250), City("Cardiff", 51.482, -3.179),
    )),
    Country("FR", 9.0, HIGH, "french", (
        City("Paris", 48.857, 2.352), City("Marseille", 43.296, 5.370), City("Lyon", 45.764, 4.836),
        City("Nîmes", 43.837, 4.360),
    )),
    Country("ES", 7.0, MIDDLE, "iberian", (
        City("Madrid", 40.417, -3.704), City("Barcelona", 41.387, 2.170), City("Valencia", 39.470, -0.377),
        City("A Coruña", 43.362, -8.412),
    )),
    Country("JP", 6.0, HIGH, "japanese", (
        City("Tokyo", 35.682, 139.759), City("Osaka", 34.694, 135.502), City("Sapporo", 43.062, 141.354),
    )),
    Country("BR", 6.0, LOW, "iberian", (
        City("São Paulo", -23.551, -46.633), City("Rio de Janeiro", -22.907, -43.173), City("Recife", -8.048, -34.877),
    )),
    Country("PL", 5.0, MIDDLE, "polish", (
        City("Warszawa", 52.230, 21.012), City("Kraków", 50.065, 19.945), City("Łódź", 51.759, 19.456),
    )),
    Country("IN", 4.0, LOW, "indian", (
        City("Mumbai", 19.076, 72.878), City("Delhi", 28.614, 77.209), City("Bengaluru", 12.972, 77.595),
    )),
    Country("SE", 2.5, HIGH, "nordic", (City("Stockholm", 59.329, 18.069), City("Malmö", 55.605, 13.004))),
)  # fmt: skip

_RARE = (
    ("NL", HIGH, "german", City("Amsterdam", 52.368, 4.904)),
    ("CA", HIGH, "english", City("Toronto", 43.653, -79.383)),
    ("AT", HIGH, "german", City("Wien", 48.208, 16.374)),
    ("CH", HIGH, "german", City("Zürich", 47.377, 8.542)),
    ("PT", MIDDLE, "iberian", City("Lisboa", 38.722, -9.139)),
    ("MX", LOW, "iberian", City("Ciudad de México", 19.433, -99.133)),
    ("DK", HIGH, "nordic", City("København", 55.676, 12.568)),
    ("CN", MIDDLE, "chinese", City("Shanghai", 31.230, 121.474)),
    ("BE", HIGH, "french", City("Bruxelles", 50.850, 4.352)),
    ("GR", MIDDLE, "greek", City("Athina", 37.984, 23.728)),
    ("UA", LOW, "ukrainian", City("Kyiv", 50.450, 30.523)),
    ("NO", HIGH, "nordic", City("Oslo", 59.914, 10.752)),
    ("IE", HIGH, "english", City("Dublin", 53.350, -6.260)),
    ("FI", HIGH, "nordic", City("Helsinki", 60.170, 24.938)),
    ("AR", LOW, "iberian", City("Buenos Aires", -34.604, -58.382)),
    ("NZ", HIGH, "english", City("Wellington", -41.287, 174.776)),
    ("CL", MIDDLE, "iberian", City("Santiago", -33.449, -70.669)),
    ("CY", MIDDLE, "greek", City("Lefkosia", 35.186, 33.382)),
    ("UY", MIDDLE, "iberian", City("Montevideo", -34.901, -56.165)),
    ("LU", HIGH, "french", City("Luxembourg", 49.612, 6.130)),
    ("CR", MIDDLE, "iberian", City("San José", 9.928, -84.091)),
    ("MT", MIDDLE, "english", City("Valletta", 35.899, 14.515)),
    ("IS", HIGH, "nordic", City("Reykjavík", 64.147, -21.943)),
    ("SN", LOW, "french", City("Dakar", 14.716, -17.467)),
    ("MU", MIDDLE, "french", City("Port Louis", -20.161, 57.499)),
    ("FJ", LOW, "english", City("Suva", -18.124, 178.450)),
    ("LI", HIGH, "german", City("Vaduz", 47.141, 9.521)),
    ("AD", HIGH, "iberian", City("Andorra la Vella", 42.506, 1.522)),
    ("GL", MIDDLE, "nordic", City("Nuuk", 64.181, -51.694)),
)

COUNTRIES: tuple[Country, ...] = _COMMON + tuple(
    Country(code, RARE_COUNTRY_FIRST_WEIGHT * RARE_COUNTRY_RATIO**rank, tier, culture, (city,))
    for rank, (code, tier, culture, city) in enumerate(_RARE)
)
CITIES: tuple[City, ...] = tuple(city for country in COUNTRIES for city in country.cities)
