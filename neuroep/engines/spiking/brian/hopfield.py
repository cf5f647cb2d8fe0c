"""The continuous Hopfield network as brian2 equations: a second opinion on our solvers' trajectories.

    τ_k du_k/dt = −u_k + W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1} + Σ skips + β(y − s_k)[k = L],    s = ρ(u)

(:mod:`neuroep.solvers.problems`, membrane form). A synapse of brian2's hands over what was there before a step, which
leaves any solver with the first order; so units are written out as equations of one neuron, one of it a sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias, skipping
from neuroep.engines.spiking.brian.guard import brian
from neuroep.errors import BadInput
from neuroep.physics.activations import Activation
from neuroep.physics.costs import Cost
from neuroep.solvers.problems import Form, check, make_flow
from neuroep.solvers.trajectory import Trajectory, trajectory
from neuroep.weights import FloatArray

#: ρ(u) in brian2's language.
STATES: dict[Activation, str] = {
    Activation.LINEAR: "{u}",
    Activation.HARD_SIGMOID: "clip({u}, 0, 1)",
    Activation.TANH: "tanh({u})",
    Activation.RELU6: "clip({u}, 0, 6)",
    Activation.RELU: "{u}*int({u} > 0)",
    Activation.SIGMOID: "(0.5 + 0.5*tanh(0.5*{u}))",
}
#: Most units whose equations brian2 turns into code within a few seconds.
MOST_UNITS = 40


def brian_trajectory(
    circuit: Circuit, x: FloatArray, targets: FloatArray, beta: FloatArray, step_seconds: float, every: int, points: int
) -> Trajectory:
    """Integrate the membrane form from zeros by brian2's RK4, and record it.

    Parameters
    ----------
    circuit : Circuit
        The network, small, with exact reads and squared error.
    x, targets, beta : ndarray, shapes (batch, n_0), (batch, n_L), (batch,)
        Clamped input, y, and the nudging of each sample.
    step_seconds : float
        Length of a step.
    every, points : int
        Steps between recordings, and how many there are: at 0, every, 2·every, … steps.

    Returns
    -------
    Trajectory
        u_1..u_L at the times recorded.

    Raises
    ------
    BadInput
        If the circuit has no flow in continuous time, another cost or too many units.
    NotAvailable
        Outside the main thread.

    References
    ----------
    Stimberg, Brette & Goodman, Brian 2, an intuitive and efficient neural simulator, eLife 8, 2019.
    """
    every, points = checks.count(every, "every"), checks.count(points, "points")
    flow = make_flow(circuit, Form.MEMBRANE, x, targets, beta)
    check(circuit, flow.beta, False)
    units = flow.starts[-1]
    if circuit.cost != Cost.MSE or units > MOST_UNITS:
        raise BadInput(f"{units} units, cost {Cost(circuit.cost).label!r}", "circuit", f"mse, up to {MOST_UNITS} units")
    with brian() as b2:
        clock = b2.Clock(dt=step_seconds * b2.second)
        neurons = b2.NeuronGroup(len(x), "\n".join(equations(circuit)), method="rk4", clock=clock)
        drive = flow.drive + layer_bias(circuit, 1)
        for name, columns in (("drive", drive), ("y", flow.targets)):
            for i, column in enumerate(columns.T):
                setattr(neurons, f"{name}_{i}", column)
        neurons.beta = flow.beta
        names = [f"u_{k}_{i}" for k, n in enumerate(circuit.sizes) if k for i in range(n)]
        monitor = b2.StateMonitor(neurons, names, record=True, dt=every * step_seconds * b2.second)
        b2.Network(neurons, monitor).run(((points - 1) * every + 1) * step_seconds * b2.second)
        variables = np.stack([np.asarray(getattr(monitor, name)) for name in names], axis=-1).swapaxes(0, 1)
        times = np.asarray(monitor.t / b2.second)
    return trajectory(flow, times, variables)


def equations(circuit: Circuit) -> Iterator[str]:
    """Yield the equations of every unit, and what each sample brings along, in brian2's language."""
    depth = len(circuit.sizes) - 1
    yield "beta : 1"
    yield from (f"y_{i} : 1" for i in range(circuit.sizes[depth]))
    yield from (f"drive_{i} : 1" for i in range(circuit.sizes[1]))
    for k in range(1, depth + 1):
        state = STATES[Activation(int(circuit.activations[k]))]
        for i in range(circuit.sizes[k]):
            u = f"u_{k}_{i}"
            yield f"s_{k}_{i} = {state.format(u=u)} : 1"
            pull = " + ".join([f"-{u}", *_inputs(circuit, k, i)])
            yield f"d{u}/dt = ({pull})/({float(circuit.tau_seconds[k])!r}*second) : 1"


def _inputs(circuit: Circuit, k: int, i: int) -> Iterator[str]:
    depth = len(circuit.sizes) - 1
    if k == 1:
        yield f"drive_{i}"
    else:
        yield repr(float(layer_bias(circuit, k)[i]))
        yield from _weighted(coupling_up(circuit, k)[:, i], k - 1)
    if k < depth:
        yield from _weighted(circuit.feedback * coupling_down(circuit, k + 1)[i], k + 1)
    else:
        yield f"beta*(y_{i} - s_{k}_{i})"
    for j, gain in skipping(circuit, k):
        yield f"{gain!r}*s_{j}_{i}"


def _weighted(weights: FloatArray, layer: int) -> Iterator[str]:
    return (f"{float(w)!r}*s_{layer}_{j}" for j, w in enumerate(weights))
