"""Lines that carry nothing, products of both phases, and states kept: counted by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from problems import plan, problem, settle

from neuroep.engines import Accumulation, Engine, create
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation
from neuroep.weights import Weights

engines = pytest.mark.parametrize("engine", [create("cpu", 1), create("reference")], ids=["cpu", "reference"])


@engines
def test_zeros_send_nothing(engine: Engine) -> None:
    """One sweep: the drive, and one read up of what the first layer then has; zeros are counted apart."""
    p = problem((6, 5, 4), Activation.HARD_SIGMOID, Activation.LINEAR, batch=7)
    x = np.where(p.x > 0.3, p.x, 0.0)
    book = Ledger.empty(p.sizes)
    with engine.session():
        free = settle(engine, p.circuit, x, plan(2, 1), book)
        hidden = np.count_nonzero(free.states[0])
    assert 0 < hidden < 35
    assert book.counts[Phase.FREE, Event.LIT_UP].tolist() == [0, np.count_nonzero(x), hidden]
    found = book.by_layer(Phase.FREE)
    assert found["effective_synop"].tolist() == [0, 5 * np.count_nonzero(x), 4 * hidden]
    assert found["synop"].tolist() == [0, 7 * 6 * 5, 7 * 5 * 4]
    assert found["sent_state"].tolist() == [0, np.count_nonzero(x), hidden]
    assert found["state_transfer"].tolist() == [0, 7 * 6, 7 * 5]


@engines
@pytest.mark.parametrize("bits", [0, 3])
def test_what_a_converter_rounds_away_sends_nothing(engine: Engine, bits: int) -> None:
    p = problem((6, 5), Activation.LINEAR, Activation.LINEAR, batch=4)
    bound = np.ones(2, dtype=p.x.dtype)
    circuit = p.circuit._replace(dac_bits=bits, dac_bound=bound)
    x, book = np.linspace(0.0, 0.9, 24, dtype=p.x.dtype).reshape(4, 6), Ledger.empty(p.sizes)
    with engine.session():
        engine.drive(circuit, x, 0, book, Phase.FREE)
    # three bits have seven levels, a third apart: what lies within a sixth of zero is zero
    lit = np.count_nonzero(x > 1 / 6 if bits else x)
    assert book.counts[Phase.FREE, Event.LIT_UP, 1] == lit


@engines
def test_a_rule_at_the_synapse_meets_both_phases(engine: Engine) -> None:
    """Software forms x (s⁺ − s⁻) once for the first coupling; a synapse sees each phase."""
    p = problem((6, 5, 4), batch=3)
    rng, book = np.random.default_rng(0), Ledger.empty(p.sizes)
    states = tuple(rng.uniform(size=(6, n)).astype(p.x.dtype) for n in (5, 4))
    out = Weights.zeros(p.sizes, p.x.dtype)
    with engine.session():
        signs = np.repeat(np.array([1.0, -1.0], dtype=p.x.dtype), 3)
        engine.contrast(p.circuit, p.x, states, signs, Accumulation(out, (1.0, 1.0), 0.0), book)
    found = book.by_layer(Phase.UPDATE)
    assert found["contrast_mac"].tolist() == [0, 3 * 30, 6 * 20]
    assert found["local_product"].tolist() == [0, 6 * 30, 6 * 20]
    assert found["state_store"].tolist() == [0, 6 * 5, 6 * 4]


def test_reads_of_one_line_are_lit_by_it_alone() -> None:
    """A cell after another, as arrays that learn in analog are read for their transfer."""
    book = Ledger.empty((4, 3))
    book.add_read(Phase.UPDATE, True, 1, 2, lines=1)
    assert book.events(Phase.UPDATE)["effective_synop"] == 2 * 3
    book.add_read(Phase.UPDATE, False, 1, 2, reads=5, lines=3 * 5, sums=4 * 5)
    assert book.events(Phase.UPDATE)["effective_synop"] == 2 * 3 + 2 * 5 * 3 * 4
