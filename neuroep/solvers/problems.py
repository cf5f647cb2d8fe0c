"""The two differential equations of the Hopfield network, which share their fixed points.

membrane   τ_k du_k/dt = −u_k + I_k(s) − β ∂C/∂s_k,       s = ρ(u)
gradient   τ_k ds_k/dt = −ρ⁻¹(s_k) + I_k(s) − β ∂C/∂s_k    = −γ^{1−k} ∂F/∂s_k,   within the range of ρ

with I_k = W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1} and the nudge −β ∂C/∂s on the output layer only
(Hopfield 1984; Scellier & Bengio 2017). A softmax read-out is not dynamical: the last dynamical layer feels
β W_L (y − ŷ), with ŷ computed anew at every evaluation.

The gradient flow of a boxed unit is projected: at a bound, a velocity that points outward is 0 and one that
points inward is kept, so a clipped unit leaves its bound as soon as its input tells it to. tanh has its
bounds at the last numbers below ±1, since ρ⁻¹ is infinite there.

τ and t are in seconds, everything else is dimensionless. A *velocity* here is τ dy/dt, the right-hand side:
its norm is what settling is judged by, and it doesn't depend on the time constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.circuit import Circuit, coupling_down, coupling_up, has_noise, layer_bias, skipping
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost
from neuroep.physics import activations, costs
from neuroep.physics.known import refuse_other
from neuroep.recipe import Form as Form
from neuroep.rng import counter_normal
from neuroep.weights import FloatArray


def check(circuit: Circuit, beta: FloatArray, noisy: bool) -> None:
    """Refuse circuits that have no flow in continuous time.

    Raises
    ------
    BadInput
        For converters, managed, averaged and adjoint reads (clocked), noisy tiles, read noise with a solver that takes
        no noise, a nudged hinge, and energies of another kind than Hopfield's.
    """
    refuse_other(circuit, "continuous time")
    if circuit.dac_bits or circuit.adc_bits or circuit.averaged > 1 or circuit.managed or circuit.adjoint:
        raise BadInput(
            "converters, averaged and adjoint reads are clocked and have no flow in continuous time",
            "circuit",
            "block sweeps",
        )
    if has_noise(circuit) and (circuit.tile_rows or circuit.tile_columns):
        raise BadInput("noisy tiles in continuous time", "circuit", "block sweeps")
    if has_noise(circuit) and not noisy:
        raise BadInput("read noise with a deterministic solver", "solver", "euler-maruyama, stochastic-heun")
    if circuit.cost == Cost.HINGE and beta.any():
        raise BadInput("the slope of the hinge jumps where it should come to rest", "cost", "squared-hinge, mse")


@dataclass(frozen=True, slots=True)
class Flow:
    """One differential equation for every row of a batch.

    Attributes
    ----------
    circuit : Circuit
        The network.
    form : Form
        Membrane or gradient.
    drive : ndarray, shape (batch, n_1)
        W_1ᵀ x, read once.
    targets : ndarray, shape (batch, n_L)
        y.
    beta : ndarray, shape (batch,)
        Nudging of each row.
    noise_key : int
        Of the read noise.
    first_row : int
        Row of the whole batch at which this one starts; noise is drawn by the row of the whole.
    """

    circuit: Circuit
    form: Form
    drive: FloatArray
    targets: FloatArray
    beta: FloatArray
    noise_key: int = 0
    first_row: int = 0

    @property
    def starts(self) -> list[int]:
        """Where each dynamical layer starts among the units of y; the last entry is their number."""
        last = self.circuit.last
        return [0, *(int(n) for n in np.cumsum(self.circuit.sizes[1 : last + 1]))]

    def layers(self, y: FloatArray) -> list[FloatArray]:
        """Return the views of y (…, units) that belong to each dynamical layer."""
        return np.split(y, self.starts[1:-1], axis=-1)

    def per_unit(self, layers: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a value for each unit from one for each layer 0..L, shape (units,)."""
        spread: NDArray[np.float64] = np.repeat(layers[1 : len(self.starts)], np.diff(self.starts)).astype(np.float64)
        return spread

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest value of each unit of y; infinite for the membrane form."""
        ends = np.array([bounds_of(int(code), self.form, self.drive.dtype) for code in self.circuit.activations])
        low, high = (self.per_unit(end).astype(self.drive.dtype) for end in ends.T)
        return low, high

    def states(self, y: FloatArray) -> list[FloatArray]:
        """Return s_1..s_D."""
        if self.form is Form.GRADIENT:
            return self.layers(y)
        codes = self.circuit.activations[1:]
        return [activations.activate(int(code), u) for code, u in zip(codes, self.layers(y), strict=False)]

    def outputs(self, y: FloatArray) -> list[FloatArray]:
        """Return s_1..s_L, with the softmax of a read-out computed."""
        states, depth = [s.copy() for s in self.states(y)], len(self.circuit.sizes) - 1
        if len(states) < depth:
            logits = states[-1] @ coupling_up(self.circuit, depth) + layer_bias(self.circuit, depth)
            states.append(costs.softmax(logits))
        return states

    def begin(self, states: list[FloatArray] | None) -> FloatArray:
        """Return y from states; see :func:`start_from`."""
        return start_from(self, states)

    def velocity(self, y: FloatArray, rows: NDArray[np.intp], evaluation: int = 0) -> FloatArray:
        """Return τ dy/dt of some rows.

        Parameters
        ----------
        y : ndarray, shape (len(rows), units)
            u or s, by the form, of these rows only.
        rows : ndarray of int
            Which rows of the batch they are.
        evaluation : int
            Number of the evaluation, which names its read noise.
        """
        states, parts = self.states(y), []
        for k, here in enumerate(self.layers(y), start=1):
            pull = self._input(k, states, rows, evaluation) - self._leak(k, here)
            if k == len(self.circuit.sizes) - 1:
                slope = costs.cost_slope(self.circuit.cost, states[k - 1], self.targets[rows])
                pull = pull - self.beta[rows][:, None] * slope
            parts.append(self._projected(k, here, pull))
        return np.concatenate(parts, axis=1)

    def _leak(self, k: int, here: FloatArray) -> FloatArray:
        if self.form is Form.MEMBRANE:
            return here
        return activations.inverse(int(self.circuit.activations[k]), here)

    def _projected(self, k: int, here: FloatArray, pull: FloatArray) -> FloatArray:
        low, high = bounds_of(int(self.circuit.activations[k]), self.form, here.dtype)
        outward = ((here <= low) & (pull < 0.0)) | ((here >= high) & (pull > 0.0))
        return np.where(outward, np.zeros_like(pull), pull)

    def _input(self, k: int, states: list[FloatArray], rows: NDArray[np.intp], evaluation: int) -> FloatArray:
        circuit = self.circuit
        if k == 1:
            total = self.drive[rows]
        else:
            below = states[k - 2] @ coupling_up(circuit, k)
            total = below + self._read_noise(k, True, rows, evaluation, below.shape[1], below.dtype)
        total = total + layer_bias(circuit, k) + sum(gain * states[j - 1] for j, gain in skipping(circuit, k))
        if k == len(circuit.sizes) - 1 or (k == len(states) and not self.beta.any()):
            return total
        source, gain = (states[k], circuit.feedback) if k < len(states) else (self._feedback(states, rows), 1.0)
        above = source @ coupling_down(circuit, k + 1).T
        return total + gain * (above + self._read_noise(k + 1, False, rows, evaluation, above.shape[1], above.dtype))

    def _feedback(self, states: list[FloatArray], rows: NDArray[np.intp]) -> FloatArray:
        """β(y − ŷ) of the softmax read-out."""
        depth = len(self.circuit.sizes) - 1
        logits = states[-1] @ coupling_up(self.circuit, depth) + layer_bias(self.circuit, depth)
        return self.beta[rows][:, None] * (self.targets[rows] - costs.softmax(logits))

    def _read_noise(
        self, k: int, upward: bool, rows: NDArray[np.intp], evaluation: int, units: int, dtype: np.dtype[np.floating]
    ) -> FloatArray | float:
        sigma = (self.circuit.noise_up if upward else self.circuit.noise_down)[k]
        if not sigma > 0.0:
            return 0.0
        number = ((evaluation + 1) * len(self.circuit.sizes) + k) * 2 + int(upward)
        noise: FloatArray = counter_normal(self.noise_key, rows + self.first_row, number, units).astype(dtype)
        scaled: FloatArray = sigma.astype(dtype) * noise
        return scaled


def bounds_of(code: int, form: Form, dtype: np.dtype[np.floating]) -> tuple[float, float]:
    """Return the range in which the variable of a layer is held."""
    if form is Form.MEMBRANE:
        return -np.inf, np.inf
    low, high = activations.RANGES[Activation(code)]
    gap = float(np.finfo(dtype).eps) if code in activations.OPEN else 0.0
    return low + gap, high - gap


def make_flow(
    circuit: Circuit, form: Form, x: FloatArray, targets: FloatArray, beta: FloatArray,
    noise_key: int = 0, first_row: int = 0,
) -> Flow:  # fmt: skip
    """Return the flow of a batch, its clamped input read once through W_1.

    Raises
    ------
    BadInput
        If inputs, targets or nudges don't fit the circuit.
    """
    form, dtype = checks.choice(form, Form, "form"), checks.instance(circuit, Circuit, "circuit").up.dtype
    noise_key, first_row = (
        checks.whole(n, where, 0) for n, where in ((noise_key, "noise_key"), (first_row, "first_row"))
    )
    # a sample that isn't finite diverges, and its result code says so, beside others that settle
    x = checks.array(x, "x", ("batch", int(circuit.sizes[0])), dtype, finite=False)
    targets = checks.array(targets, "targets", (len(x), int(circuit.sizes[-1])), dtype)
    beta = checks.array(beta, "beta", (len(x),), dtype)
    rows, drive = np.arange(len(x)), x @ coupling_up(circuit, 1)
    if circuit.noise_up[1] > 0.0:  # number 3: the read that block sweeps draw for the clamped input too
        noise = counter_normal(noise_key, rows + first_row, 3, drive.shape[1])
        drive = drive + circuit.noise_up[1] * noise.astype(drive.dtype)
    return Flow(circuit, form, drive, targets, beta, noise_key, first_row)


def start_from(flow: Flow, states: list[FloatArray] | None) -> FloatArray:
    """Return y from s_1..s_D (…_L), or of units without input: zero, but for the sigmoid's ρ(0) = ½.

    A membrane potential isn't determined by a clipped state; there it is the input of the unit where that lies
    beyond the bound, else the bound. An equilibrium so becomes an equilibrium.
    """
    batch, units = len(flow.drive), flow.starts[-1]
    if states is None:
        silent = np.zeros((batch, units), dtype=flow.drive.dtype)
        if flow.form is Form.MEMBRANE:
            return silent
        at_rest = np.array([activations.activate(int(code), np.zeros(1))[0] for code in flow.circuit.activations])
        return silent + flow.per_unit(at_rest).astype(silent.dtype)
    sizes = np.diff(flow.starts)
    if len(states) < len(sizes):
        raise BadInput(f"states of {len(states)} layers", "start", f"{len(sizes)} or more, from layer 1")
    known: list[FloatArray] = [  # of a phase that diverged, too
        checks.array(s, "start", (batch, int(n)), flow.drive.dtype, finite=False)
        for s, n in zip(states, sizes, strict=False)
    ]
    if flow.form is Form.GRADIENT:
        return np.clip(np.concatenate(known, axis=1), *flow.bounds())
    return np.concatenate([_potential(flow, k, known) for k in range(1, len(known) + 1)], axis=1)


def _potential(flow: Flow, k: int, states: list[FloatArray]) -> FloatArray:
    code, s = int(flow.circuit.activations[k]), states[k - 1]
    if code in activations.OPEN:
        return activations.inverse(code, np.clip(s, *bounds_of(code, Form.GRADIENT, s.dtype)))
    low, high = activations.RANGES[Activation(code)]
    pull = flow._input(k, states, np.arange(len(s)), -1)
    return np.where(s >= high, np.maximum(pull, s), np.where(s <= low, np.minimum(pull, s), s))
