"""What settling by spikes means, one sample and one unit after another, written down from the equations alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroep.circuit import coupling_down, coupling_up, layer_bias
from neuroep.physics.activations import RANGES, Activation, activate
from neuroep.recipe import Encoder


class ByHand:
    """One sample of a circuit, from given accumulators; `spikes` and `synops` count by layer and by coupling."""

    def __init__(self, circuit: Any, x: Any, accumulated: Any, how: Any, skips: Any = ()) -> None:
        self.c, self.x, self.how, self.skips = circuit, x, how, skips
        self.depth = len(circuit.sizes) - 1
        parts = np.split(np.asarray(accumulated, float), np.cumsum(circuit.sizes)[:-1])
        self.V = [part.copy() for part in parts]
        self.before = [np.zeros_like(part) for part in parts]
        self.v = [np.zeros(n) for n in circuit.sizes]
        self.I = [np.zeros(n) for n in circuit.sizes]
        self.spikes = np.zeros(self.depth + 1, int)
        self.synops = np.zeros(self.depth + 1, int)
        self.trains: list[list[Any]] = []

    def run(self, steps: int, target: Any = None, beta: float = 0.0) -> list[Any]:
        """Return the mean states of the last steps, layer by layer."""
        kept = []
        for _ in range(steps):
            kept.append(self._step(target, beta))
        return [np.mean([states[k] for states in kept[-self.how.window :]], axis=0) for k in range(self.depth)]

    def _step(self, target: Any, beta: float) -> list[Any]:
        c, how, last = self.c, self.how, self.depth
        codes = [int(code) for code in c.activations]
        s = [self.x, *(activate(codes[k], self.v[k]) for k in range(1, last + 1))]
        q = [self._encode(k, s[k], k == 0 or RANGES[Activation(codes[k])][0] < 0.0) for k in range(last + 1)]
        for k in range(1, last + 1):
            pull = self.I[k] + layer_bias(c, k) - self.v[k]
            if k == last and beta:
                pull = pull + beta * (target - s[k])
            self.v[k] = self.v[k] + how.relaxation * pull
            self.I[k] = (1.0 - how.leak) * self.I[k]
        scale = 1.0 if how.encoder is Encoder.GRADED else how.leak / how.peak
        for k in range(last + 1):
            self.spikes[k] += np.count_nonzero(q[k])
            if k < last:
                self.I[k + 1] = self.I[k + 1] + scale * q[k] @ coupling_up(c, k + 1)
                self.synops[k + 1] += np.count_nonzero(q[k]) * c.sizes[k + 1]
            if k > 1:
                self.I[k - 1] = self.I[k - 1] + scale * c.feedback * coupling_down(c, k) @ q[k]
                self.synops[k] += np.count_nonzero(q[k]) * c.sizes[k - 1]
        for skip in self.skips:
            self.I[skip.target] = self.I[skip.target] + scale * skip.gain * q[skip.source]
            back = c.feedback ** (skip.target - skip.source)
            self.I[skip.source] = self.I[skip.source] + scale * skip.gain * back * q[skip.target]
        self.trains.append(q)
        return s[1:]

    def _encode(self, k: int, s: Any, signed: bool) -> Any:
        if self.how.encoder is Encoder.GRADED:
            q = np.rint((s - self.before[k]) / self.how.grain) * self.how.grain
            self.before[k] = self.before[k] + q
            return q
        s = np.clip(s, -1.0 / self.how.peak, 1.0 / self.how.peak)
        if self.how.encoder is Encoder.SIGMA_DELTA:
            self.V[k] = self.V[k] + (s - (1.0 - self.how.leak) * self.before[k]) / self.how.leak
            self.before[k] = s
        else:
            self.V[k] = self.V[k] + self.how.peak * s
        q = (self.V[k] >= 1.0).astype(float) - (self.V[k] <= -1.0 if signed else 0.0)
        self.V[k] = self.V[k] - q
        return q
