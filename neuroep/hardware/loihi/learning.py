"""Rules of Loihi's learning engine: sums of products, whether one is legal, and Equilibrium Propagation's as one.

A rule adds to a weight, once per epoch,

    Δw = Σ_i S_i Π_j (V_ij + C_ij),    S_i = mantissa · 2^exponent

with variables x0, x1, x2 (presynaptic spike and traces), y0..y3 (postsynaptic), w, d, t (weight, delay, tag), sgn() of
one of w, d, t, and u0..u9, where u_k is 1 in every 2^k-th epoch. Every product needs x0, y0 or a u_k; there is no
division.
Sources: lava's learning engine (widths, accumulator), brian2-loihi (what a rule may contain).

Equilibrium Propagation's Δw ∝ ρ_i ρ_j|nudged − ρ_i ρ_j|free is such a sum, but x1·y1 is one term in both phases: a rule
that runs in both needs a factor that tells them apart by its sign. :data:`EP_RULES` has ways to have one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.programming import check_whole

ACCUMULATOR_BITS = 15
MANTISSA_BITS = 4
EXPONENTS = (-7, 9)
CONSTANTS = (-128, 127)
EPOCHS = tuple(f"u{k}" for k in range(10))
WIDTHS: Mapping[str, int] = {
    "x0": 1, "x1": 7, "x2": 7, "y0": 1, "y1": 7, "y2": 7, "y3": 7, "w": 9, "d": 8, "t": 9,
} | dict.fromkeys(EPOCHS, 0)  # fmt: skip
"""Bits of each variable as lava counts them; a u_k only gates."""

EP_RULES: Mapping[str, str] = {
    "modulated": "2^{exponent}*u0*x1*y1*(y3-64)",
    "nudged": "2^{exponent}*u0*x1*y1",
    "free": "-2^{exponent}*u0*x1*y1",
    "fast-slow": "2^{exponent}*u{epoch}*x1*y1-2^{exponent}*u{epoch}*x2*y2",
}
"""Ways to write EP's contrast. ``modulated``: y3, driven by a third factor, is 127 at the end of the nudged phase, 1 at
the end of the free one and 64 otherwise. ``nudged`` and ``free``: the host swaps the rule between the phases.
``fast-slow``: at the end of the nudged phase fast traces hold it while slow ones still remember the free one."""

LONGEST_RULE = 1000
"""Characters; the longest of :data:`EP_RULES` has 60."""

_GATES = frozenset({"x0", "y0", *EPOCHS})
_PRE, _POST = frozenset({"x1", "x2"}), frozenset({"y1", "y2"})
_TAGS = frozenset({"d", "t"})  # signed variables that a rule doesn't need for itself


class Factor(NamedTuple):
    """V + C, or its sign."""

    variable: str
    constant: int = 0
    sign: bool = False

    @property
    def bits(self) -> int:
        """Bits that the factor has in the multiplier."""
        return 1 if self.sign else WIDTHS[self.variable]


class Product(NamedTuple):
    """S Π (V + C), S as an exact number."""

    scale: Fraction
    factors: tuple[Factor, ...]

    @property
    def gated(self) -> bool:
        """Whether an x0, y0 or u_k stands in it alone."""
        return any(f.variable in _GATES and not f.constant and not f.sign for f in self.factors)

    @property
    def bits(self) -> int:
        """Bits of the whole product, the scale's mantissa included and the one gating spike not."""
        return sum(f.bits for f in self.factors) - self._gate_bits + MANTISSA_BITS

    @property
    def _gate_bits(self) -> int:
        return 1 if any(f.variable in ("x0", "y0") and not f.constant for f in self.factors) else 0

    @property
    def shift(self) -> int:
        """Bits cut off on the right so that the product fits the 15-bit accumulator."""
        return max(0, self.bits - ACCUMULATOR_BITS)

    def split(self) -> tuple[int, int] | None:
        """Return mantissa (−8 to 7) and exponent of the scale, or None if it has no such form."""
        top, bottom = self.scale.numerator, self.scale.denominator
        if bottom & (bottom - 1):
            return None
        zeros = (top & -top).bit_length() - 1 if top else 0
        odd, exponent = top >> zeros, zeros - (bottom.bit_length() - 1)
        spare = min(max(exponent - EXPONENTS[1], 0), 3)  # 8 and 4 times an odd number may still fit a mantissa
        mantissa, exponent = odd << spare, exponent - spare
        fits = -8 <= mantissa <= 7 and EXPONENTS[0] <= exponent <= EXPONENTS[1]
        return (mantissa, exponent) if fits else None


@dataclass(frozen=True, slots=True)
class Legality:
    """What the learning engine says of a rule.

    Attributes
    ----------
    products : tuple of Product
        The rule.
    problems : tuple of str
        Why the engine can't run it; empty if it can.
    ungated : tuple of int
        Products (from 0) of a pre- and a postsynaptic trace that have the same sign in both phases: without (y3 − C), d
        or t, and without a counterpart of opposite scale on the other pair of traces. EP can use them only if a third
        factor is added, or if the host swaps the rule between the phases.
    """

    products: tuple[Product, ...]
    problems: tuple[str, ...]
    ungated: tuple[int, ...]

    @property
    def legal(self) -> bool:
        """Whether the engine can run the rule."""
        return not self.problems


def parse_rule(text: str) -> tuple[Product, ...]:
    """Read a rule such as ``"2^-3*u0*x1*y1*(y3-64) - 2*x0*y2"``.

    Raises
    ------
    BadInput
        If it isn't a sum of products of whole numbers, powers of 2, variables, (variable ± number) and sgn(variable).
    UnknownName
        If a variable isn't one of the engine's.
    """
    if len(text) > LONGEST_RULE:
        raise BadInput(f"{len(text):,} characters", "learning rule", f"at most {LONGEST_RULE}")
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
        return tuple(_product(factors, sign) for factors, sign in _terms(tree, 1))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two of what is nested deeply
        raise BadInput(f"{text!r} can't be read", "learning rule", "sums of products, as 2^-3*u0*x1*y1") from error


def _terms(node: ast.expr, sign: int) -> list[tuple[list[ast.expr], int]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return _terms(node.left, sign) + _terms(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return _terms(node.operand, -sign if isinstance(node.op, ast.USub) else sign)
    return [(_factors(node), sign)]


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _factors(node.left) + _factors(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv)):
        raise BadInput("a division", "learning rule", "products; a power of 2 such as 2^-3 divides")
    return [node]


def _product(nodes: list[ast.expr], sign: int) -> Product:
    scale, factors = Fraction(sign), []
    for node in nodes:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            scale, node = -scale, node.operand
        number = _number(node)
        if number is None:
            factors.append(_factor(node))
        else:
            scale *= number
    return Product(scale, tuple(factors))


def _number(node: ast.expr) -> Fraction | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _number(node.left), _number(node.right)
        if base == 2 and power is not None and power.denominator == 1 and abs(power) <= 32:
            return Fraction(2) ** int(power)
    return None


def _factor(node: ast.expr) -> Factor:
    if isinstance(node, ast.Name):
        if node.id not in WIDTHS:
            raise UnknownName("variable of the learning engine", node.id, WIDTHS, "learning rule")
        return Factor(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and isinstance(node.left, ast.Name):
        constant = _number(node.right)
        if constant is not None and constant.denominator == 1:
            added = int(constant) if isinstance(node.op, ast.Add) else -int(constant)
            return Factor(_factor(node.left).variable, added)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "sgn" and len(node.args) == 1 and not node.keywords:
        return _factor(node.args[0])._replace(sign=True)
    raise BadInput(f"{ast.unparse(node)!r}", "learning rule", "a variable, (variable + number) or sgn(variable)")


def check_rule(rule: tuple[Product, ...]) -> Legality:
    """Hold a rule against the learning engine.

    Parameters
    ----------
    rule : tuple of Product
        From :func:`parse_rule`.

    Returns
    -------
    Legality
        Problems, and the products that EP needs a third factor for.
    """
    problems = [f"product {n + 1}: {problem}" for n, product in enumerate(rule) for problem in _problems(product)]
    return Legality(rule, tuple(problems), tuple(n for n, product in enumerate(rule) if _same_in_both(product, rule)))


def _problems(product: Product) -> list[str]:
    found = []
    if not product.gated:
        found.append("nothing says when it applies: it needs x0, y0 or a u_k")
    if product.split() is None:
        found.append(f"scale {product.scale} isn't a mantissa of -8 to 7 times 2^{EXPONENTS[0]} to 2^{EXPONENTS[1]}")
    for factor in product.factors:
        if not CONSTANTS[0] <= factor.constant <= CONSTANTS[1]:
            found.append(f"constant {factor.constant} isn't within {CONSTANTS[0]} to {CONSTANTS[1]} (8 bits)")
        if factor.sign and factor.variable not in ("w", "d", "t"):
            found.append(f"the sign of {factor.variable} isn't a factor: only those of w, d and t are")
    return found


def _same_in_both(product: Product, rule: tuple[Product, ...]) -> bool:
    traces = _local_traces(product)
    if not (traces & _PRE and traces & _POST):
        return False
    modulated = any(f.variable in _TAGS or (f.variable == "y3" and -127 < f.constant < 0) for f in product.factors)
    countered = any(other.scale == -product.scale and not traces & _local_traces(other) for other in rule)
    return not modulated and not countered


def _local_traces(product: Product) -> frozenset[str]:
    return (_PRE | _POST) & {f.variable for f in product.factors}


def ep_rule(form: str, exponent: int = 0, epoch: int = 0) -> tuple[Product, ...]:
    """Return EP's contrast as a learning rule, in one of the forms of :data:`EP_RULES`.

    Parameters
    ----------
    form : str
        ``"modulated"``, ``"nudged"``, ``"free"`` or ``"fast-slow"``.
    exponent : int
        The learning rate η/β is 2^exponent (times 63 with ``"modulated"``), −7 to 9.
    epoch : int
        k of u_k for ``"fast-slow"``: both phases together last 2^k epochs.

    Raises
    ------
    BadInput
        If a value is out of range or the form unknown.
    """
    if form not in EP_RULES:
        raise UnknownName("form of EP's rule", form, EP_RULES)
    check_whole(exponent, *EXPONENTS, "exponent")
    check_whole(epoch, 0, 9, "epoch")
    return parse_rule(EP_RULES[form].format(exponent=exponent, epoch=epoch))
