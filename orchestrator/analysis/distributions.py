"""Student's t, the normal, the binomial distribution, polygamma: what a query needs of SciPy, whose import takes longer than the query."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: With so many degrees of freedom a continued fraction takes long, and Hill's approximation is exact to 12 digits.
HILL_FROM = 1e4
#: Bernoulli numbers B2, B4, …: the asymptotic series of the logarithm of gamma.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
#: From here on those series are exact to a double's digits.
_LARGE = 16.0
_STEPS = 200_000
_TINY = 1e-300


def student_below(df: float, t: float) -> float:
    """Return the share of Student's t with ``df`` degrees of freedom that is below ``t``."""
    if t > 0:
        return 1 - student_below(df, -t)
    if math.isinf(df):
        return math.erfc(-t / math.sqrt(2)) / 2
    if df >= HILL_FROM:
        return math.erfc(_hill(df, -t) / math.sqrt(2)) / 2
    if not t:
        return 0.5
    a, squared = df / 2, t * t
    near, far = df / (df + squared), squared / (df + squared)
    log_factor = _log_gamma_ratio(a) - math.log(math.pi) / 2 - a * math.log1p(squared / df) + math.log(far) / 2
    if near < (a + 1) / (a + 2.5):
        return math.exp(log_factor) * _beta_fraction(a, 0.5, near) / a / 2
    return 0.5 - math.exp(log_factor) * _beta_fraction(0.5, a, far)


def student_quantile(df: float, share: float) -> float:
    """Return what the ``share`` of Student's t is below; by Newton's method on logarithms, where tails are almost lines."""
    if share == 0.5:
        return 0.0
    if share < 0.5:
        return -student_quantile(df, 1 - share)
    above = 1 - share
    if above <= 0:
        return math.inf
    z = normal_quantile(share)
    if math.isinf(df):
        return z
    t = z + (z**3 + z) / (4 * df)
    for _ in range(100):
        tail = student_below(df, -t)
        log_density = _log_gamma_ratio(df / 2) - math.log(df * math.pi) / 2 - (df + 1) / 2 * math.log1p(t * t / df)
        step = tail * math.log(tail / above) / (t * math.exp(log_density))
        t *= math.exp(max(-1.0, min(1.0, step)))
        if abs(step) < 1e-8:  # the next one would be its square
            break
    return t


def normal_quantile(share: float) -> float:
    """Return what the ``share`` of the normal distribution is below."""
    if share < 0.5:
        return -normal_quantile(1 - share)
    above = 1 - share
    # Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.23
    root = math.sqrt(-2 * math.log(above))
    z = root - (2.515517 + root * (0.802853 + root * 0.010328)) / (
        1 + root * (1.432788 + root * (0.189269 + root * 0.001308))
    )
    for _ in range(4):
        tail = math.erfc(z / math.sqrt(2)) / 2
        z += (tail - above) / (math.exp(-z * z / 2) / math.sqrt(2 * math.pi))
    return z


def binomial_at_most(most: int, count: int, share: float) -> float:
    """Return how probable at most ``most`` of ``count`` are, each with probability ``share``, within 0 to 1."""
    if most >= count:
        return 1.0
    a, b, x = count - most, most + 1.0, 1 - share
    log_factor = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log1p(-share) + b * math.log(share)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_factor) * _beta_fraction(a, b, x) / a
    return 1 - math.exp(log_factor) * _beta_fraction(b, a, share) / b


def corrected(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Return Benjamini and Hochberg's p values, as ``scipy.stats.false_discovery_control`` does; importing that takes half a second."""
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return adjusted


def polygamma(order: int, x: float) -> float:
    """Return derivative number ``order`` + 1 (0, 1 or 2) of the logarithm of gamma at ``x``, above 0."""
    shifted = 0.0
    sign = (-1.0) ** (order + 1)
    while x < _LARGE:
        shifted += sign * math.factorial(order) / x ** (order + 1)
        x += 1
    if order == 0:
        series = math.log(x) - 1 / (2 * x)
        rest = sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
        return shifted + series - rest
    start = math.factorial(order - 1) / x**order + math.factorial(order) / (2 * x ** (order + 1))
    rest = sum(
        b * math.factorial(2 * k + order - 1) / (math.factorial(2 * k) * x ** (2 * k + order))
        for k, b in enumerate(_BERNOULLI, 1)
    )
    return shifted + sign * (start + rest)


def _hill(df: float, t: float) -> float:
    """Return the normal quantile of ``t`` (G. W. Hill, Algorithm 395, Communications of the ACM 13, 1970)."""
    a = df - 0.5
    b = 48 * a * a
    w = math.sqrt(a * math.log1p(t * t / df))
    rest = ((0.4 * w * w + 3.3) * w * w + 24) * w * w + 85.5
    return w + w * (w * w + 3) / b - w * rest / (0.8 * w**4 + 100 + b) / b


def _log_gamma_ratio(a: float) -> float:
    """Return the logarithm of gamma(a + 1/2) ÷ gamma(a), without the digits that two large logarithms would lose."""
    shifted = 0.0
    while a < _LARGE:  # gamma(a + 1) is a times gamma(a)
        shifted += math.log1p(-0.5 / (a + 0.5))
        a += 1
    series = -1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5) + 17 / (14336 * a**7) - 31 / (18432 * a**9)
    return shifted + math.log(a) / 2 + series


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function by Lentz's method (Press et al., Numerical Recipes, 6.4)."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + numerator * d)
            c = _not_zero(1 + numerator / c)
            change = c * d
            value *= change
        if abs(change - 1) < 1e-16:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
