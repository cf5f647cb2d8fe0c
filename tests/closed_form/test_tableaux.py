"""Order conditions of the tableaux: Σ b_i Φ_i(t) = 1/γ(t) for every rooted tree t of at most p nodes (Butcher)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from neuroep.errors import UnknownName
from neuroep.solvers.tableaux import SOLVERS, Solver, named

Tree = tuple  # a tree is the sorted tuple of its root's subtrees
RUNGE_KUTTA = [solver for solver in SOLVERS.values() if not solver.exponential]
EMBEDDED = [solver for solver in SOLVERS.values() if solver.adaptive]


@lru_cache
def trees(nodes: int) -> frozenset[Tree]:
    """All rooted trees of that many nodes: each grown from a smaller one by a leaf."""
    if nodes == 1:
        return frozenset({()})
    return frozenset(grown for tree in trees(nodes - 1) for grown in with_leaf(tree))


def with_leaf(tree: Tree) -> set[Tree]:
    grown = {tuple(sorted((*tree, ())))}
    for k, branch in enumerate(tree):
        grown |= {tuple(sorted((*tree[:k], new, *tree[k + 1 :]))) for new in with_leaf(branch)}
    return grown


def size(tree: Tree) -> int:
    return 1 + sum(map(size, tree))


def density(tree: Tree) -> int:
    """γ(t): size times the densities of the subtrees."""
    return size(tree) * math.prod(map(density, tree))


def weight(a: NDArray[np.float64], tree: Tree) -> NDArray[np.float64]:
    """Φ_i(t): the product over the subtrees of Σ_j a_ij Φ_j."""
    found = np.ones(len(a))
    for branch in tree:
        found = found * (a @ weight(a, branch))
    return found


def defect(solver: Solver, weights: NDArray[np.float64], tree: Tree) -> float:
    return float(abs(weights @ weight(solver.a, tree) - 1.0 / density(tree)))


def worst(solver: Solver, weights: NDArray[np.float64], nodes: int) -> float:
    return max(defect(solver, weights, tree) for tree in trees(nodes))


def test_there_are_as_many_trees_as_cayley_counted() -> None:
    assert [len(trees(n)) for n in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@pytest.mark.parametrize("solver", RUNGE_KUTTA, ids=lambda s: s.name)
def test_the_order_is_met_and_not_exceeded(solver: Solver) -> None:
    for nodes in range(1, solver.order + 1):
        assert worst(solver, solver.b, nodes) < 2e-14
    assert worst(solver, solver.b, solver.order + 1) > 1e-4


@pytest.mark.parametrize("solver", EMBEDDED, ids=lambda s: s.name)
def test_the_embedded_order_is_met_and_not_exceeded(solver: Solver) -> None:
    """The estimate is of order p̂ + 1 in h, so it falls with h and never calls a step good that isn't."""
    lower = solver.b - solver.error
    assert solver.error_order == solver.order - 1
    for nodes in range(1, solver.error_order + 1):
        assert worst(solver, lower, nodes) < 2e-14
    assert worst(solver, lower, solver.error_order + 1) > 1e-4


@pytest.mark.parametrize("solver", list(SOLVERS.values()), ids=lambda s: s.name)
def test_explicit_and_consistent(solver: Solver) -> None:
    np.testing.assert_array_equal(np.triu(solver.a), 0.0)
    np.testing.assert_allclose(solver.c, solver.a.sum(axis=1), rtol=0, atol=1e-15)
    assert solver.error.any() == solver.adaptive


def test_published_nodes() -> None:
    np.testing.assert_allclose(named("dopri5").c, [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(named("bosh3").c, [0, 1 / 2, 3 / 4, 1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(named("tsit5").c, [0, 0.161, 0.327, 0.9, 0.9800255409045097, 1, 1], rtol=0, atol=1e-13)


def test_first_same_as_last() -> None:
    """Bogacki–Shampine, Dormand–Prince and Tsitouras end where the next step begins; the others don't."""
    assert {s.name for s in SOLVERS.values() if s.first_same_as_last} == {"bosh3", "dopri5", "tsit5"}


def test_an_unknown_solver_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'dopri5'"):
        named("dopri")
