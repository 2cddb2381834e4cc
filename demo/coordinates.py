"""WGS84 latitude and longitude to British National Grid, by the published seven parameters.

Good to some 5 m, and an own way to that answer: the checker does not ask the library under test.
"""

import math

AIRY = (6377563.396, 6356256.909)
WGS84 = (6378137.0, 6356752.314245)
SHIFT = (-446.448, 125.157, -542.060)  # metres
TURN = tuple(math.radians(s / 3600) for s in (-0.1502, -0.2470, -0.8421))
SCALE = 20.4894e-6
F0, LAT0, LON0, N0, E0 = 0.9996012717, math.radians(49), math.radians(-2), -100000, 400000


def _to_space(lat, lon, ellipsoid):
    a, b = ellipsoid
    e2 = 1 - b * b / (a * a)
    n = a / math.sqrt(1 - e2 * math.sin(lat) ** 2)
    return (n * math.cos(lat) * math.cos(lon), n * math.cos(lat) * math.sin(lon),
            n * (1 - e2) * math.sin(lat))


def _from_space(x, y, z, ellipsoid):
    a, b = ellipsoid
    e2 = 1 - b * b / (a * a)
    p = math.hypot(x, y)
    lat = math.atan2(z, p * (1 - e2))
    for _ in range(10):
        n = a / math.sqrt(1 - e2 * math.sin(lat) ** 2)
        lat = math.atan2(z + e2 * n * math.sin(lat), p)
    return lat, math.atan2(y, x)


def _shift(x, y, z):
    rx, ry, rz = TURN
    s = 1 + SCALE
    return (SHIFT[0] + x * s - y * rz + z * ry, SHIFT[1] + x * rz + y * s - z * rx,
            SHIFT[2] - x * ry + y * rx + z * s)


def _meridian(lat, n, b):
    d, s = lat - LAT0, lat + LAT0
    return b * F0 * (
        (1 + n + 1.25 * n ** 2 + 1.25 * n ** 3) * d
        - (3 * n + 3 * n ** 2 + 2.625 * n ** 3) * math.sin(d) * math.cos(s)
        + (1.875 * n ** 2 + 1.875 * n ** 3) * math.sin(2 * d) * math.cos(2 * s)
        - 35 / 24 * n ** 3 * math.sin(3 * d) * math.cos(3 * s))


def _project(lat, lon):
    a, b = AIRY
    e2 = 1 - b * b / (a * a)
    n = (a - b) / (a + b)
    sin, cos, tan = math.sin(lat), math.cos(lat), math.tan(lat)
    nu = a * F0 / math.sqrt(1 - e2 * sin ** 2)
    rho = a * F0 * (1 - e2) / (1 - e2 * sin ** 2) ** 1.5
    eta2 = nu / rho - 1
    d = lon - LON0
    north = (_meridian(lat, n, b) + N0 + nu / 2 * sin * cos * d ** 2
             + nu / 24 * sin * cos ** 3 * (5 - tan ** 2 + 9 * eta2) * d ** 4
             + nu / 720 * sin * cos ** 5 * (61 - 58 * tan ** 2 + tan ** 4) * d ** 6)
    east = (E0 + nu * cos * d + nu / 6 * cos ** 3 * (nu / rho - tan ** 2) * d ** 3
            + nu / 120 * cos ** 5
            * (5 - 18 * tan ** 2 + tan ** 4 + 14 * eta2 - 58 * tan ** 2 * eta2) * d ** 5)
    return east, north


def national_grid(lat, long):
    """Easting and northing in metres."""
    space = _to_space(math.radians(lat), math.radians(long), WGS84)
    return _project(*_from_space(*_shift(*space), AIRY))
