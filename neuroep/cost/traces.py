"""Access traces of one training step: recorded from an engine, or as defined for published algorithms."""

from __future__ import annotations

from collections.abc import Sequence

from neuroep import checks
from neuroep.cost.reuse import Access
from neuroep.errors import BadInput
from neuroep.network import Network

_PUBLISHED_STEPS = 30


class Recorder:
    """Takes down the buffer accesses of whoever calls it.

    Attributes
    ----------
    trace : list of Access
        The accesses so far, in order.
    """

    def __init__(self) -> None:
        self.trace: list[Access] = []

    def read(self, buffer: str, size: int) -> None:
        """Take down a read of the first `size` floats of a buffer."""
        self.trace.append(Access("read", buffer, size))

    def write(self, buffer: str, size: int) -> None:
        """Take down a write of the first `size` floats of a buffer."""
        self.trace.append(Access("write", buffer, size))


class _Script(Recorder):
    """A recorder that knows the size of every buffer."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        self._sizes = sizes

    def reads(self, *buffers: str) -> None:
        for buffer in buffers:
            self.read(buffer, self._sizes[buffer])

    def writes(self, *buffers: str) -> None:
        for buffer in buffers:
            self.write(buffer, self._sizes[buffer])


def _check_sizes(sizes: Sequence[int], fewest: int) -> None:
    if len(sizes) < fewest or min(sizes) < 1:
        raise BadInput(f"layer sizes {tuple(sizes)}", "sizes", f"{fewest} or more, each at least 1")


def published_ep(n: int, h: int) -> list[Access]:
    """Return one training step of the EP of the SutroYaro sparse-parity benchmark, for one sample.

    Two times 30 relaxation steps of an n-h-1 network that multiplies x·W1 anew in each of them.

    Parameters
    ----------
    n, h : int
        Inputs and hidden units.

    Returns
    -------
    list of Access
        401 reads and 134 writes.
    """
    _check_sizes((n, h, 1), 3)
    hidden = dict.fromkeys(("b1", "W2", "s_hidden", "free_hidden", "nudged_hidden"), h)
    output = dict.fromkeys(("b2", "y", "s_output", "free_output", "nudged_output"), 1)
    script = _Script({"W1": n * h, "x": n} | hidden | output)
    script.writes("W1", "b1", "W2", "b2", "x", "y")
    for step in range(_PUBLISHED_STEPS):
        script.reads("x", "W1", "b1", "W2")
        if step:
            script.reads("s_hidden", "s_output")
        script.writes("s_hidden", "s_output")
    _keep_states(script, "free")
    for _ in range(_PUBLISHED_STEPS):
        script.reads("x", "W1", "b1", "W2", "y", "s_hidden", "s_output")
        script.writes("s_hidden", "s_output")
    _keep_states(script, "nudged")
    script.reads("free_hidden", "free_output", "nudged_hidden", "nudged_output", "x")
    for parameter in ("W1", "b1", "W2", "b2"):
        script.reads(parameter)
        script.writes(parameter)
    return script.trace


def _keep_states(script: _Script, phase: str) -> None:
    for layer in ("hidden", "output"):
        script.reads(f"s_{layer}")
        script.writes(f"{phase}_{layer}")


def backprop_step(
    sizes: Sequence[int], skips: Sequence[tuple[int, int]] = (), segment: int | None = None, batch: int = 1,
    direct: bool = False,
) -> list[Access]:  # fmt: skip
    """Return one step of backprop with stochastic gradient descent, for one sample or a minibatch.

    The forward pass keeps pre-activations; gradients of W_1 and b_1 are applied as they arise, those of
    the couplings above are written first and applied at the end. With one hidden layer this is the step
    behind the sparse-parity benchmark's backprop figures.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, (n_0, ..., n_L), L ≥ 1.
    skips : sequence of tuple of int
        Source and target of identity skips: the source's activations are read where the target's input is summed, the
        target's gradient where the source's is.
    segment : int, optional
        Keep the activations of every `segment`-th layer alone and compute the others anew on the way back, segment by
        segment, where their gradients are needed (Chen et al. 2016); what lies above the last kept layer is still
        there. Without it all are kept.
    batch : int
        Samples of the step: activations and their gradients hold all of them, weights are read once for all.
    direct : bool
        Whether every gradient goes straight into its weights, as soon as the error has been read through them: what a
        rule without memory allows, and the least that backprop moves. The published step has buffers above W_1.

    Returns
    -------
    list of Access
        24 reads and 18 writes for one hidden layer, 23 and 16 straight into the weights.

    Raises
    ------
    BadInput
        If there are fewer than two layers, or one without units, or segments of no layers or of a network with skips.
    """
    _check_sizes(sizes, 2)
    depth = len(sizes) - 1
    if segment is not None and skips:
        raise BadInput("segments of a network with skips", "segment", "a chain")
    length = depth if segment is None else checks.whole(segment, "segment", 1)
    script = _Script(_backprop_buffers(sizes, checks.whole(batch, "batch", 1)))
    for k in range(1, depth + 1):
        script.writes(f"W{k}", f"b{k}")
    script.writes("h0", "y")
    for k in range(1, depth + 1):
        _forward(script, k, k < depth, skips)
    script.reads(f"a{depth}", "y")
    script.writes(f"da{depth}")
    (_backward_direct if direct else _backward)(script, depth, skips, length)
    return script.trace


def backprop_of(network: Network, direct: bool = False) -> list[Access]:
    """Return one step of backprop on a network's feedforward twin, skips included: see :func:`backprop_step`."""
    return backprop_step(network.sizes, [(skip.source, skip.target) for skip in network.skips], direct=direct)


def _backprop_buffers(sizes: Sequence[int], batch: int) -> dict[str, int]:
    """Return buffer sizes: h0 is the input, a pre-activations, h activations, d… gradients."""
    buffers = {"h0": batch * sizes[0], "y": batch * sizes[-1]}
    for k in range(1, len(sizes)):
        buffers |= dict.fromkeys((f"W{k}", f"dW{k}"), sizes[k - 1] * sizes[k])
        buffers |= dict.fromkeys((f"b{k}", f"db{k}"), sizes[k])
        buffers |= dict.fromkeys((f"a{k}", f"da{k}", f"h{k}", f"dh{k}"), batch * sizes[k])
    return buffers


def _forward(script: _Script, k: int, activated: bool, skips: Sequence[tuple[int, int]] = ()) -> None:
    script.reads(f"h{k - 1}", f"W{k}", f"b{k}", *(f"h{source}" for source, target in skips if target == k))
    script.writes(f"a{k}")
    if activated:
        script.reads(f"a{k}")
        script.writes(f"h{k}")


def _backward(script: _Script, depth: int, skips: Sequence[tuple[int, int]], length: int) -> None:
    for k in range(depth, 1, -1):
        _recompute(script, k, length)
        script.reads(f"da{k}", f"h{k - 1}")
        script.writes(f"dW{k}", f"db{k}")
        _error(script, k, skips)
        _derivative(script, k - 1)
    _apply(script, 1)
    for k in range(depth, 1, -1):
        for parameter in (f"W{k}", f"b{k}"):
            script.reads(f"d{parameter}", parameter)
            script.writes(parameter)


def _backward_direct(script: _Script, depth: int, skips: Sequence[tuple[int, int]], length: int) -> None:
    for k in range(depth, 1, -1):
        _recompute(script, k, length)
        _error(script, k, skips)
        _apply(script, k)
        _derivative(script, k - 1)
    _apply(script, 1)


def _recompute(script: _Script, k: int, length: int) -> None:
    """Compute a segment anew, if the layer below k ends it: its own activations are kept."""
    if (k - 1) % length == 0:
        for lower in range(k - length, k):
            _forward(script, lower, lower < k - 1)


def _error(script: _Script, k: int, skips: Sequence[tuple[int, int]]) -> None:
    """Read the gradient of layer k down through its weights."""
    script.reads(f"W{k}", f"da{k}", *(f"da{target}" for source, target in skips if source == k - 1))
    script.writes(f"dh{k - 1}")


def _derivative(script: _Script, k: int) -> None:
    script.reads(f"dh{k}", f"a{k}")
    script.writes(f"da{k}")


def _apply(script: _Script, k: int) -> None:
    """Add the gradient of coupling k to its weights and biases."""
    script.reads(f"da{k}", f"h{k - 1}", f"W{k}")
    script.writes(f"W{k}")
    script.reads(f"da{k}", f"b{k}")
    script.writes(f"b{k}")
