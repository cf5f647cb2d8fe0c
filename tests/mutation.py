"""Plant defects one at a time in a copy of neuroep, and check that the tests catch each.

    python tests/mutation.py [NUMBER ...]

A defect replaces one line of one file by a line that is wrong but runs. It is caught when its tests, which pass
without it, fail with it. Exit status 0 when all are caught, 1 when one survives, 2 when a defect no longer
fits the code or the tests fail without it. Takes a few minutes; not part of the suite.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
#: Seconds after which a test that waits without end has noticed: several times what the slowest tests take.
PATIENCE = 900


class Defect(NamedTuple):
    """What is wrong, where, the right and the wrong text, and the tests that should notice."""

    what: str
    file: str
    right: str
    wrong: str
    tests: str


DEFECTS = [
    Defect(
        "lines at zero carry something, too",
        "engines/cpu/read_kernels.py",
        "        lit += lines[i] != 0",
        "        lit += lines[i] == lines[i]",
        "cost/test_effective_events.py",
    ),
    Defect(
        "what a converter rounds away is sent all the same",
        "engines/reads.py",
        "return int(np.count_nonzero(_lines(circuit, k, upward, source).driven))",
        "return int(np.count_nonzero(source))",
        "cost/test_effective_events.py",
    ),
    Defect(
        "a rule at the synapse forms what software forms",
        "ledger.py",
        '"local_product": count[Event.LOCAL] * synapses',
        '"local_product": count[Event.CONTRAST] * synapses',
        "cost/test_effective_events.py",
    ),
    Defect(
        "a companion prices reads of weights",
        "prices.py",
        "if work.digital and not own.intersection(work.events)]",
        "if not own.intersection(work.events)]",
        "cost/test_breakdown.py",
    ),
    Defect(
        "conversions are missed where nothing is converted",
        "cost/breakdown.py",
        "if not amount or (work.converters and not prices.converters):",
        "if not amount:",
        "cost/test_breakdown.py",
    ),
    Defect(
        "layers of a training step have the inference's energy in them",
        "cost/breakdown.py",
        'if line.energy is not None and (axis == "phase" or not line.stage.startswith("inference")):',
        "if line.energy is not None:",
        "cost/test_breakdown.py",
    ),
    Defect(
        "static power of Loihi isn't drawn while products are formed",
        "cost/energy.py",
        "        static = _product(prices.static_watts, sum(time[phase].values(), _NOTHING))",
        "        static = _product(prices.static_watts, sum(list(time[phase].values())[:1], _NOTHING))",
        "cost/test_step_by_hand.py",
    ),
    Defect(
        "what was trained on ahead is counted",
        "studies/estimate.py",
        "            if number == len(ahead):",
        "            if number == 0:",
        "cost/test_sample_batch.py",
    ),
    Defect(
        "spikes of the first layer are told to the input",
        "hardware/loihi/messages.py",
        "found += [(k - 1, True)] if 1 < k <= network.dynamical else []",
        "found += [(k - 1, True)] if 0 < k <= network.dynamical else []",
        "cost/test_messages.py",
    ),
    Defect(
        "integer neurons: what an output sends to itself as a nudge arrives with the wrong sign",
        "engines/spiking/loihi.py",
        "np.rint(-nudge.beta.astype(np.float64) * scale.spike / 64.0)",
        "np.rint(nudge.beta.astype(np.float64) * scale.spike / 64.0)",
        "spikes/test_loihi_network.py",
    ),
    Defect(
        "the learning engine is taught what the input was clamped to, not what was sent",
        "learning/state_products.py",
        "x = x if nudged.inputs is None else nudged.inputs",
        "x = x if nudged.inputs is None else x",
        "spikes/test_loihi_network.py",
    ),
    Defect(
        "measured time steps are added to the barriers that they hold",
        "cost/gated_chain.py",
        'total = sum((band for event, band in seconds.items() if event != "barrier"), steps)',
        "total = sum(seconds.values(), steps)",
        "cost/test_measured_chips.py",
    ),
    Defect(
        "a gate's second synapse to a unit costs nothing",
        "cost/gated_chain.py",
        "reached = len(gates), [name for gate in gates for name in gate.split()]",
        "reached = len(gates), [name for gate in gates for name in sorted(set(gate.split()))]",
        "cost/test_measured_chips.py",
    ),
    Defect(
        "what a whole chip draws is charged to every run",
        "specs/device.py",
        'self.numbers["static"].si("power") if self.table.static is not None else Band.exact(0.0),',
        'next((q.si("power") for key, q in self.numbers.items() if key.endswith("static")), Band.exact(0.0)),',
        "specs/test_devices.py",
    ),
    Defect(
        "what a profile leaves out of a measured system is priced as if it hadn't",
        "cost/anchors.py",
        "unit = {event: band.value for event, band in energy.items()} | dict(self.term.instead)",
        "unit = dict(self.term.instead) | {event: band.value for event, band in energy.items()}",
        "cost/test_anchors.py",
    ),
    Defect(
        "an array has a converter on each line that goes in",
        "cost/anchors.py",
        '"dac": rows, "adc": columns}',
        '"dac": columns, "adc": rows}',
        "cost/test_anchors.py",
    ),
    Defect(
        "the dearest price of a processor is that at its busiest",
        "cost/utilisation.py",
        "Band(unit.value / share.value, unit.low / share.high, unit.high / share.low)",
        "Band(unit.value / share.value, unit.low / share.high, unit.high / share.high)",
        "cost/test_utilisation.py",
    ),
    Defect(
        "a utilisation in percent is taken for a share",
        "specs/device.py",
        'return None if found is None else found.si("number")',
        "return None if found is None else Band(found.value, found.bottom, found.top)",
        "specs/test_devices.py",
    ),
    Defect(
        "the learning engine takes the phase with the negative nudge for the positive one",
        "hardware/loihi/by_rule.py",
        "(asked[:, 1] > 0.0).astype(np.int32)",
        "(asked[:, 1] < 0.0).astype(np.int32)",
        "devices/test_loihi_rule.py",
    ),
    Defect(
        "one sender's synapses start with the random numbers of the next",
        "hardware/loihi/rule_kernels.py",
        "gains, halves, i * wide, scale, stored)",
        "gains, halves, i, scale, stored)",
        "devices/test_loihi_rule.py",
    ),
    Defect(
        "operations of spikes are counted in place of those of reads",
        "ledger.py",
        '"synop": (up + down) * synapses + count[Event.SYNOP],',
        '"synop": np.where(count[Event.SYNOP] > 0, count[Event.SYNOP], (up + down) * synapses),',
        "cost/test_spike_events.py",
    ),
    Defect(
        "brian2 keeps Ctrl-C to itself",
        "engines/spiking/brian/guard.py",
        "signal.signal(signal.SIGINT, handler)",
        "signal.getsignal(signal.SIGINT)",
        "spikes/test_brian_guard.py",
    ),
    Defect(
        "brian2's equations read a coupling from above without its gain",
        "engines/spiking/brian/hopfield.py",
        "_weighted(circuit.feedback * coupling_down(circuit, k + 1)[i], k + 1)",
        "_weighted(coupling_down(circuit, k + 1)[i], k + 1)",
        "spikes/test_brian_hopfield.py",
    ),
    Defect(
        "compiled integer neurons take sums that are stored shifted for what they are",
        "hardware/loihi/lif_kernels.py",
        "arriving = wrapped(int32(int32(sums[j]) << lift), SPARE_SUM)",
        "arriving = int32(int32(sums[j]) << lift)",
        "devices/test_loihi_compiled.py",
    ),
    Defect(
        "brian2's skips bring back downward what they bring upward",
        "engines/spiking/brian/phases.py",
        "Skipping(i, j, gain, gain * γ ** (j - i))",
        "Skipping(i, j, gain, gain)",
        "spikes/test_brian_engine.py",
    ),
    Defect(
        "a minibatch in portions: later copies' spikes are counted to samples of the first",
        "engines/spiking/brian/counting.py",
        "train._replace(unit=(copy * rows + start) * units + place)",
        "train._replace(unit=(copy + start) * units + place)",
        "spikes/test_brian_engine.py",
    ),
    Defect(
        "slopes of rates are read after traces have decayed, which says that every rate falls",
        "engines/spiking/plasticity_kernels.py",
        "        slopes[i] = (fast[i] - slow[i]) / apart\n        fast[i] *= kept_fast\n",
        "        fast[i] *= kept_fast\n        slopes[i] = (fast[i] - slow[i]) / apart\n",
        "spikes/test_plasticity.py",
    ),
    Defect(
        "the square of a sum of products counts each mixed product once",
        "learning/fisher.py",
        "total += 2.0 * ((a * other_a).T @ (b * other_b))",
        "total += (a * other_a).T @ (b * other_b)",
        "learning/test_consolidation.py",
    ),
    Defect(
        "synaptic intelligence takes what was asked for before, not what has moved since",
        "learning/consolidation.py",
        "np.subtract(now, last, out=last)",
        "np.subtract(last, now, out=last)",
        "learning/test_consolidation.py",
    ),
    Defect(
        "plain EWC pulls to the newest weights alone",
        "learning/consolidation.py",
        "found.append((total, star + share * (newest - star)))",
        "found.append((total, newest.copy()))",
        "learning/test_consolidation.py",
    ),
    Defect(
        "forgetting counts the last task, which nothing came after",
        "report/continual_summary.py",
        "(a.max(axis=0) - a[-1])[:-1].mean()",
        "(a.max(axis=0) - a[-1]).mean()",
        "learning/test_continual_tasks.py",
    ),
    Defect(
        "the nudged output forgets to divide by 1 + β",
        "physics/costs.py",
        "return activate(activation, (inputs + b * targets) / (1.0 + b))",
        "return activate(activation, inputs + b * targets)",
        "closed_form/test_costs.py",
    ),
    Defect(
        "the two branches of a hinge nudged by −β meet at 1 + |β|",
        "physics/scalars.py",
        "return u + beta * y if margin < one - beta / 2 else u",
        "return u + beta * y if margin < one - beta else u",
        "closed_form/test_scalars.py",
    ),
    Defect(
        "the energy weighs layer k by γ^k",
        "physics/hopfield.py",
        "total = total + circuit.feedback ** (k - 1) * local.sum(axis=1)",
        "total = total + circuit.feedback**k * local.sum(axis=1)",
        "closed_form/test_hopfield.py",
    ),
    Defect(
        "a read-out's feedback is scaled by γ as if it were a layer",
        "physics/hopfield.py",
        "return beta[:, None] * (targets - states), 1.0",
        "return beta[:, None] * (targets - states), circuit.feedback",
        "closed_form/test_hopfield.py",
    ),
    Defect(
        "the contrast isn't divided by γ^(D−k)",
        "physics/hopfield.py",
        "np.full(len(below), -1.0 / circuit.reach[k], dtype=above.dtype)",
        "np.full(len(below), -1.0, dtype=above.dtype)",
        "convergence/test_depth.py",
    ),
    Defect(
        "a module that comes twice in a chain is run once",
        "modules/blocks.py",
        "for key, child in module._modules.items():",
        "for key, child in module.named_children():",
        "modules/test_prediction.py",
    ),
    Defect(
        "hooks of a traced module are dropped",
        "modules/tracing.py",
        "    if any(hooked(part) for part in module.modules() if next(part.children(), None) is not None):",
        "    if False:",
        "modules/test_blocks.py",
    ),
    Defect(
        "nudged states of a torch module are those of the sweep before",
        "modules/prediction.py",
        "                below = tops[-1].detach() + error",
        "                below = tops[-1].detach()",
        "modules/test_prediction.py",
    ),
    Defect(
        "a local sweep pulls every block by a constant",
        "modules/prediction.py",
        "        found = list(torch.autograd.grad(tops, leaves, errors[1:])) if tops else []",
        "        found = list(torch.autograd.grad(tops, leaves, [e + 1e-3 for e in errors[1:]])) if tops else []",
        "modules/test_prediction.py",
    ),
    Defect(
        "a layer of a module feels the layers above γ^{k−1} times too weakly",
        "modules/hopfield.py",
        "above if pull is None else above + pull / gain",
        "above if pull is None else above + pull",
        "modules/test_hopfield_modules.py",
    ),
    Defect(
        "the levels of a module's layers are those of the shortest way",
        "modules/layers.py",
        "level[node] = max((level[below] for below in node.all_input_nodes), default=0) + (node in units)",
        "level[node] = min((level[below] for below in node.all_input_nodes), default=0) + (node in units)",
        "modules/test_hopfield_modules.py",
    ),
    Defect(
        "a one-sided difference of Hopfield states is taken from the other side's nudge",
        "modules/gradients.py",
        'torch.cat([rows, -rows if scheme.estimator == "centered" else 0.0 * rows])',
        "torch.cat([rows, -rows])",
        "modules/test_hopfield_modules.py",
    ),
    Defect(
        "a compiled module is one block",
        "modules/blocks.py",
        "    module = uncompiled(module)\n",
        "",
        "modules/test_modes.py",
    ),
    Defect(
        "an alternating nudge keeps its sign",
        "modules/optimizer.py",
        "self._back = replace(scheme, beta=-scheme.nudge) if alternating else scheme",
        "self._back = scheme",
        "modules/test_optimizer.py",
    ),
    Defect(
        "what a low-rank update leaves out is lost",
        "modules/transforms/low_rank.py",
        'total = kept["left_out"] + gradient if kept else gradient',
        "total = gradient",
        "modules/test_transforms.py",
    ),
    Defect(
        "a power iteration begins anew in every step",
        "modules/transforms/spectral.py",
        'right = kept.get("right", matrix[matrix.norm(dim=1).argmax()])',
        "right = matrix[matrix.norm(dim=1).argmax()]",
        "modules/test_transforms.py",
    ),
    Defect(
        "factors whiten by the fourth root",
        "modules/transforms/whitening.py",
        "root: Tensor = (vectors * values.rsqrt()) @ vectors.T",
        "root: Tensor = (vectors * values.pow(-0.25)) @ vectors.T",
        "modules/test_transforms.py",
    ),
    Defect(
        "a block without any gradient agrees with backprop",
        "modules/fidelity.py",
        "return (dot / (own * others) ** 0.5 if own else 0.0), (own / others) ** 0.5",
        "return (dot / (own * others) ** 0.5 if own else 1.0), (own / others) ** 0.5",
        "modules/test_fidelity.py",
    ),
    Defect(
        "a relative nudge is measured by the outputs alone",
        "modules/gradients.py",
        "    ratio = above / below\n",
        "    ratio = above\n",
        "modules/test_prediction.py",
    ),
    Defect(
        "skips out of a layer end where they begin",
        "hardware/device.py",
        "targets = np.array([skip.target for skip in by_source], dtype=np.int64)",
        "targets = np.array([skip.source for skip in by_source], dtype=np.int64)",
        "engines/test_skips.py",
    ),
    Defect(
        "a compiled skip feeds back as far as its source, not as it reaches",
        "engines/cpu/kernels.py",
        "left = 1.0 if displaced else circuit.feedback ** (layer - k)",
        "left = 1.0 if displaced else circuit.feedback",
        "engines/test_skips.py",
    ),
    Defect(
        "displacements come up a skip unweakened",
        "engines/cpu/kernels.py",
        "left = circuit.feedback ** (k - layer) if displaced else 1.0",
        "left = 1.0",
        "engines/test_skips.py",
    ),
    Defect(
        "states that skips move aren't counted by the cpu engine",
        "engines/cpu/kernels.py",
        "counts[_SKIP, k] += active * add_skips(",
        "counts[_SKIP, k] += 0 * add_skips(",
        "engines/test_skips.py",
    ),
    Defect(
        "an engine is asked for what it lacks only once it settles",
        "learning/methods/difference.py",
        "        refuse_unsupported(engine, circuit, self.plans.free)\n        if isinstance(self.plans, Courses):",
        "        if isinstance(self.plans, Courses):",
        "architecture/test_axes.py",
    ),
    Defect(
        "the cpu engine doesn't read a sum again when the layer below has changed",
        "engines/cpu/kernels.py",
        "                up_fresh[k] = False",
        "                up_fresh[k] = sweep > 1",
        "engines/test_agreement.py",
    ),
    Defect(
        "a resistive node forgets the resistors that join it to the layer above",
        "physics/resistive.py",
        "else load + coupling_down(circuit, k + 1).sum(axis=1)",
        "else load",
        "closed_form/test_resistive.py",
    ),
    Defect(
        "the cpu engine lets one diode less point up in a layer of an odd number of nodes",
        "engines/cpu/resistive_kernels.py",
        "((n + 1) // 2, n) if code",
        "(n // 2, n) if code",
        "engines/test_resistive_agreement.py",
    ),
    Defect(
        "conductances that are updated in place may fall below 0",
        "learning/trainer.py",
        "if direct is not None and self.bounding is not None:",
        "if direct is None and self.bounding is not None:",
        "engines/test_resistive_agreement.py",
    ),
    Defect(
        "samples that settle aren't put back into their places",
        "engines/cpu/kernels.py",
        "while ids[r] != r:",
        "while ids[r] < 0:",
        "engines/test_batches.py",
    ),
    Defect(
        "noise belongs to the place in a block and not to the row of the batch",
        "engines/cpu/read_kernels.py",
        "low, high = rng_kernels.read_key(key, ids[r] + offset, number, part)",
        "low, high = rng_kernels.read_key(key, ids[r], number, part)",
        "engines/test_batches.py",
    ),
    Defect(
        "the centered difference is divided by β instead of 2β",
        "learning/methods/estimators.py",
        "return Scheme(beta * signs, signs / (2.0 * beta * batch), False)",
        "return Scheme(beta * signs, signs / (beta * batch), False)",
        "convergence/test_bias_in_beta.py",
    ),
    Defect(
        "the learning rate doesn't decay",
        "recipe/training.py",
        "return tuple(rate * self.decay**epoch for rate in spread)",
        "return tuple(rate for rate in spread)",
        "learning/test_sgd.py",
    ),
    Defect(
        "the random signs are the same in every step",
        "learning/methods/difference.py",
        'stream(self.seed, "signs", *place)',
        'stream(self.seed, "signs")',
        "learning/test_trainer.py::test_random_signs_are_drawn_anew_in_every_step",
    ),
    Defect(
        "a sample that isn't finite counts as one at the step limit",
        "solvers/stopping.py",
        "return np.where(np.isfinite(residual), codes, ResultCode.DIVERGED).astype(np.int64)",
        "return codes.astype(np.int64)",
        "closed_form/test_network.py",
    ),
    Defect(
        "what an update is held against forgets the recipe's momentum",
        "studies/device_fidelity.py",
        "velocity.couplings[...] = subject.rig.recipe.training.momentum * velocity.couplings + exact.couplings",
        "velocity.couplings[...] = exact.couplings",
        "learning/test_device_fidelity.py",
    ),
    Defect(
        "the exact gradient is that of a network whose reads agree",
        "studies/device_fidelity.py",
        "down = weights.couplings if alike else circuit.down.astype(np.float64)",
        "down = weights.couplings",
        "learning/test_device_fidelity.py",
    ),
    Defect(
        "an update's change is measured from the last minibatch alone",
        "studies/device_fidelity.py",
        "        for step in islice(steps, window):",
        "        for step in islice(steps, 1):",
        "learning/test_device_fidelity.py",
    ),
    Defect(
        "the downward array decays by the upward one's weights",
        "hardware/crossbar/two_arrays.py",
        "asked = update.decayed(seen, self.array.programming.decay)",
        "asked = update.decayed(circuit.up, self.array.programming.decay)",
        "devices/test_two_arrays.py",
    ),
    Defect(
        "two arrays round their trains apart",
        "hardware/crossbar/two_arrays.py",
        'Chance(stream(trains, "trains"), rng)',
        "Chance(rng, rng)",
        "devices/test_two_arrays.py",
    ),
    Defect(
        "the differenced cost is that of a network whose reads agree",
        "studies/fidelity.py",
        "down = up if circuit.down is circuit.up else circuit.down + sign * change.couplings",
        "down = up",
        "closed_form/test_cost_slope.py",
    ),
    Defect(
        "what a DAC rounds away is taken for driven",
        "engines/cpu/read_kernels.py",
        "driven[r * into + j] += lines[r * into + j] * scale",
        "driven[r * into + j] = source[r * into + j]",
        "engines/test_changes.py",
    ),
    Defect(
        "nudged copies start from empty registers",
        "engines/cpu/kernels.py",
        "nudged.down[target : target + count] = free.down[source : source + count]",
        "nudged.down[target : target + count] = 0.0",
        "engines/test_device_reads.py",
    ),
    Defect(
        "adjoint reads go upward through the upward weights",
        "engines/cpu/kernels.py",
        "weights = (circuit.down if swapped else circuit.up)[weight_starts[k] :]",
        "weights = circuit.up[weight_starts[k] :]",
        "engines/test_changes.py",
    ),
    Defect(
        "products of states aren't divided by γ^(D−k)",
        "learning/state_products.py",
        "c = -coefficients / float(circuit.reach[k])",
        "c = -coefficients",
        "learning/test_state_products.py",
    ),
    Defect(
        "what raises a pair's weight raises both of its devices",
        "hardware/crossbar/meeting_kernels.py",
        "packed[j] = pushed_together(~down if minus else down, word)",
        "packed[j] = pushed_together(down, word)",
        "devices/test_state_trains.py",
    ),
    Defect(
        "from_torch doesn't compare what the module computes",
        "bridges/torch_forward.py",
        "        if not off <= CLOSE[x.dtype] * (1.0 + wanted.abs().max()):",
        "        if off < 0.0:",
        "bridges/test_torch_weights.py",
    ),
    Defect(
        "the twin computes under whatever modes the caller has switched on",
        "bridges/torch_tensors.py",
        "torch.inference_mode(False), torch.enable_grad(), ",
        "",
        "bridges/test_backprop_twin.py",
    ),
    Defect(
        "weights that couldn't be read back are written",
        "bridges/weights_file.py",
        '    _check_tensors(tensors, "weights")',
        "    pass",
        "bridges/test_weights_file.py",
    ),
    Defect(
        "integers stay in the caller's type",
        "checks.py",
        "    return given.astype(np.int64, copy=False)",
        "    return given",
        "devices/test_loihi.py",
    ),
    Defect(
        "wires without a tile are solved in tiles of 256",
        "hardware/crossbar/wiring.py",
        "    high, wide = tile_rows or rows, tile_columns or columns",
        "    high, wide = tile_rows or 256, tile_columns or 256",
        "devices/test_wires.py",
    ),
    Defect(
        "a cell without a step is taken",
        "hardware/cells/arrays.py",
        "    if not step > 0.0:",
        "    if step != step:",
        "devices/test_crossbar.py",
    ),
    Defect(
        "blocks go by the number of threads",
        "engines/cpu/engine.py",
        "                parts = -(-parts // SHARES) * SHARES",
        "                parts = -(-parts // self.threads) * self.threads",
        "engines/test_batches.py",
    ),
    Defect(
        "an output at its lowest state for other classes alone counts as stuck",
        "physics/activations.py",
        "    stuck = ((states <= low).all(axis=0) & wanted) | (states >= high).all(axis=0)",
        "    stuck = (states <= low).all(axis=0) | (states >= high).all(axis=0)",
        "closed_form/test_activations.py",
    ),
    Defect(
        "test inputs scaled by what the test set says",
        "data/scaling.py",
        "train, test = (_apply(x, offset, span) for x in (dataset.x_train, dataset.x_test))",
        "train, test = (_apply(x, *_fit(x, scale)) for x in (dataset.x_train, dataset.x_test))",
        "data/test_scaling.py",
    ),
    Defect(
        "an input that never changes is divided by its deviation",
        "data/scaling.py",
        "return offset, np.where((high > low) & (span > 0.0), span, 1.0)",
        "return offset, np.where(span >= 0.0, span + 1e-30, 1.0)",
        "data/test_scaling.py",
    ),
    Defect(
        "bytes of archives are taken as they are",
        "data/files.py",
        "return found / np.float32(255) if values.dtype == np.uint8 else found",
        "return found",
        "data/test_scaling.py",
    ),
    Defect(
        "a first row of numbers and a word is a header",
        "data/cells.py",
        "named = all(number(cell) is None for cell in cells) and last.lower() not in MISSING",
        "named = number(last) is None",
        "data/test_tables.py",
    ),
    Defect(
        "a header of column numbers is a sample",
        "data/cells.py",
        "if (broken or (from_zero or alone)) if count > 2 else broken:",
        "if broken and alone:",
        "data/test_tables.py",
    ),
    Defect(
        "lines of a second block count from the first",
        "data/tables.py",
        "number, offset, started = number + len(texts), offset + len(block), started or bool(held)",
        "number, offset, started = number, offset + len(block), started or bool(held)",
        "data/test_tables.py",
    ),
    Defect(
        "compressed data may grow at will",
        "data/limits.py",
        "if size > max(HARMLESS_BYTES, LARGEST_RATIO * stored):",
        "if size > max(HARMLESS_BYTES, LARGEST_RATIO * size):",
        "data/test_archives.py",
    ),
    Defect(
        "a member may hold more than its header claims",
        "data/npy.py",
        "if size != entry.file_size:",
        "if size > entry.file_size:",
        "data/test_archives.py",
    ),
    Defect(
        "an image file may go on after its pixels",
        "data/idx.py",
        "if at + more != size:",
        "if at != size:",
        "data/test_archives.py",
    ),
    Defect(
        "a folder with some of a set's files is taken",
        "data/homes.py",
        "if len(find_parts(place)) == len(PARTS)), None)",
        "if find_parts(place)), None)",
        "data/test_archives.py",
    ),
    Defect(
        "labels from 1 are no matter",
        "data/labels.py",
        "if empty == 1 and present[0] == 1:",
        "if empty == 1 and present[0] == 2:",
        "data/test_tables.py",
    ),
    Defect(
        "a scale isn't part of a run's settings",
        "studies/experiment.py",
        'return {} if dataset.scale == "none" else {"scale": dataset.scale}',
        "return {}",
        "data/test_scaling.py",
    ),
    Defect(
        "a chain of keys goes to the parser",
        "specs/reading.py",
        "        if _CHAIN.search(text):",
        "        if _CHAIN.search(text) and False:",
        "specs/test_reading.py",
    ),
    Defect(
        "whole numbers have any size",
        "specs/reading.py",
        "not -(2**63) <= value < 2**63:",
        "not -(2**63) <= value < 2**15000:",
        "specs/test_reading.py",
    ),
    Defect(
        "a file called ...toml names its model ..",
        "specs/reading.py",
        'if not name.strip(". ") or printable',
        "if not name or printable",
        "specs/test_reading.py",
    ),
    Defect(
        "a measured step may go the wrong way",
        "specs/crossbar.py",
        'f"{where}[{index}]", 0.0)',
        'f"{where}[{index}]")',
        "specs/test_reading.py",
    ),
    Defect(
        "an unknown part of [on] is only said where it is used",
        "specs/model.py",
        '            convert(table, dict, path, f"on.{name}.{part}")',
        "            pass",
        "specs/test_reading.py",
    ),
    Defect(
        "control characters are quoted as they are",
        "errors.py",
        "    shown = printable(text)\n",
        "    shown = text\n",
        "cli/test_streams.py",
    ),
    Defect(
        "JSON for terminals of few signs isn't spelt out",
        "commands/console.py",
        "ensure_ascii=not utf8",
        "ensure_ascii=False",
        "cli/test_streams.py",
    ),
    Defect(
        "names between colons become emoji",
        "commands/console.py",
        "highlight=False, emoji=False,",
        "highlight=False,",
        "cli/test_streams.py",
    ),
    Defect(
        "options of a step are taken and ignored by other benchmarks",
        "commands/bench.py",
        'if given and options.name not in ("step", "all"):',
        "if given and options.name not in NAMES:",
        "cli/test_streams.py",
    ),
    Defect(
        "a checkpoint's checksum leaves the arrays' types out",
        "report/seal.py",
        "[name, array.dtype.str, array.shape]",
        "[name, array.shape]",
        "store/test_seal.py",
    ),
    Defect(
        "a checkpoint may be another training's",
        "report/seal.py",
        "_text([owner.job, without_epochs(owner.spec), trained])",
        "_text([without_epochs(owner.spec), trained])",
        "store/test_seal.py",
    ),
    Defect(
        "a training finished after fewer epochs is taken for a longer one",
        "report/seal.py",
        "_text([first.hexdigest(), owner.spec, meta.get(TEST)])",
        "_text([first.hexdigest(), meta.get(TEST)])",
        "store/test_seal.py",
    ),
    Defect(
        "a stopped checkpoint may count the test set's inference",
        "report/seal.py",
        " or (not read and _inference(arrays).any())",
        "",
        "store/test_seal.py",
    ),
    Defect(
        "any file called spec.json makes a folder a run's",
        "report/ownership.py",
        "isinstance(spec, dict) and set(spec) >= SPEC_KEYS",
        "isinstance(spec, dict)",
        "store/test_ownership.py",
    ),
    Defect(
        "a lock is followed where it links to",
        "report/ownership.py",
        'getattr(os, "O_NOFOLLOW", 0)',
        "0",
        "store/test_ownership.py",
    ),
    Defect(
        "--fresh removes whatever lies beside the checkpoints",
        "report/ownership.py",
        "        if OWN_JOB.fullmatch(file.name):\n            file.unlink()",
        "        file.unlink()",
        "store/test_ownership.py",
    ),
    Defect(
        "--fresh removes behind a link",
        "report/ownership.py",
        "    if jobs.is_symlink():",
        "    if False:",
        "store/test_ownership.py",
    ),
    Defect(
        "a pipe in a file's place is waited for",
        "disk.py",
        "    if not stat.S_ISREG(found.st_mode):",
        "    if stat.S_ISDIR(found.st_mode):",
        "store/test_ownership.py",
    ),
    Defect(
        "a finished run in a read-only folder isn't read",
        "report/ownership.py",
        "READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)",
        "READ_ONLY = (errno.EACCES, errno.EPERM)",
        "store/test_ownership.py",
    ),
    Defect(
        "files are written for their owner only",
        "disk.py",
        "os.O_EXCL, 0o666)",
        "os.O_EXCL, 0o600)",
        "store/test_disk.py",
    ),
    Defect(
        "an output that is a dangling link is written through",
        "disk.py",
        "if path is None or not os.path.lexists(path):",
        "if path is None or not path.exists():",
        "store/test_disk.py",
    ),
    Defect(
        "SIGTERM ends a command with Ctrl-C's status",
        "commands/stopping.py",
        "128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)",
        "130",
        "cli/test_stopping.py",
    ),
    Defect(
        "Ctrl-C while a finished process ends kills it",
        "commands/stopping.py",
        "signal.SIG_IGN if forever else handler",
        "handler",
        "cli/test_stopping.py",
    ),
    Defect(
        "a nohup doesn't outlive its terminal",
        "commands/stopping.py",
        "if number is not None and signal.getsignal(number) is usual:",
        "if number is not None:",
        "cli/test_stopping.py",
    ),
    Defect(
        "damaged machine code is loaded",
        "kernel_cache.py",
        "if seal != _checksum(key, blob):",
        "if False:",
        "engines/test_kernel_cache.py",
    ),
    Defect(
        "anyone's folder is searched for machine code",
        "kernel_cache.py",
        "found.st_mode & 0o022",
        "False",
        "engines/test_kernel_cache.py",
    ),
    Defect(
        "the noise of an aged read is added up in siemens, not in their squares",
        "hardware/retention/aging.py",
        "return model.read_sd(now, seconds, start) ** 2",
        "return model.read_sd(now, seconds, start)",
        "devices/test_aging.py",
    ),
    Defect(
        "an activation without a compiled branch is settled as the last one",
        "engines/cpu/engine.py",
        "            refuse_unknown(circuit, self.name)",
        "            pass",
        "engines/test_agreement.py",
    ),
    Defect(
        "states that aren't finite name a class",
        "learning/trainer.py",
        "        if free.code.max() == ResultCode.DIVERGED:",
        "        if free.code.max() > ResultCode.DIVERGED:",
        "learning/test_trainer.py",
    ),
    Defect(
        "an epoch of infinite cost goes on",
        "learning/trainer.py",
        "        if not np.isfinite(mean_cost):",
        "        if np.isnan(mean_cost):",
        "learning/test_trainer.py",
    ),
    Defect(
        "an empty text is the current folder, or the default",
        "cli.py",
        "if not arg_string.strip() and action.nargs != argparse.PARSER:",
        "if False:",
        "cli/test_bad_input.py",
    ),
    Defect(
        "a forked process waits for its parent's threads",
        "engines/cpu/workers.py",
        "        if self._process != os.getpid():",
        "        if self._process < 0:",
        "engines/test_workers.py",
    ),
    Defect(
        "an engine's buffers serve several threads at once",
        "engines/cpu/engine.py",
        "with self._workers.turn(), one_blas_thread(self._others), self._blas",
        "with one_blas_thread(self._others), self._blas",
        "engines/test_workers.py",
    ),
    Defect(
        "each session takes its own limit of BLAS back",
        "engines/cpu/workers.py",
        "            if self._users == 0:\n                for library, threads in",
        "            if self._users == 1:\n                for library, threads in",
        "engines/test_workers.py",
    ),
    Defect(
        "BLAS obeys only the thread that set its limit first",
        "engines/cpu/workers.py",
        "    free(force=True)\n    library.set",
        "    library.set",
        "engines/test_workers.py",
    ),
    Defect(
        "an ablation takes away what its recipe needs",
        "studies/ablation.py",
        "if name in self.effects or name not in needed)",
        "if True)",
        "cli/test_ablate.py",
    ),
    Defect(
        "the nudged phase in continuous time starts from zeros",
        "engines/in_time.py",
        "np.tile(free.variables, copies)",
        "0.0 * np.tile(free.variables, copies)",
        "learning/test_in_time.py",
    ),
    Defect(
        "the last step on the GPU is as long as the others",
        "engines/cuda/flows.py",
        "return Course(number + 1, number, end - seconds)",
        "return Course(number + 1, -1, end - seconds)",
        "cuda/test_simulator.py::test_the_kernels_in_the_simulator[simulated_time_checks.py-25]",
    ),
    Defect(
        "sums of layers beyond the 62nd are read once on the GPU",
        "engines/cuda/freshness.py",
        "up[k + 1] = down[k - 1] = False",
        "up[k + 1] = down[k - 1] = k > 62",
        "cuda/test_roofline.py",
    ),
    Defect(
        "thermal noise is the same in every phase and step",
        "engines/in_time.py",
        "key=named_key(noise_key, THERMAL)",
        "key=named_key(0, THERMAL)",
        "learning/test_in_time.py",
    ),
    Defect(
        "a solver whose last stage isn't the next one's first evaluates nothing anew",
        "engines/in_time.py",
        "anew = 0 if solver.first_same_as_last else",
        "anew = 0 if solver.stages else",
        "learning/test_in_time.py",
    ),
    Defect(
        "settings of continuous time are taken and ignored by sweeps",
        "recipe/whole.py",
        "return (choice in self.choices) != self.others",
        "return (choice in self.choices) or self.others",
        "learning/test_in_time.py",
    ),
    Defect(
        "couplings start where the one before does",
        "layout.py",
        "starts = np.cumsum([0, *lengths], dtype=np.int64)",
        "starts = np.cumsum([0, 0, *lengths[:-1]], dtype=np.int64)",
        "closed_form/test_weights.py",
    ),
    Defect(
        "a stack's sums forget what was shortened",
        "cost/reuse.py",
        "self._lengths.add(place, start - min(stop, size))",
        "self._lengths.add(place, 0)",
        "cost/test_access_reuse.py",
    ),
    Defect(
        "a rig takes the device as it is, not as the recipe programs it",
        "studies/rig.py",
        'object.__setattr__(self, "device", programmed(self.device, programming))',
        "assert programmed(self.device, programming)",
        "learning/test_rig.py",
    ),
    Defect(
        "Adam's mean square isn't corrected for its start at 0",
        "learning/rules.py",
        "np.sqrt(square / corrections[1])",
        "np.sqrt(square)",
        "learning/test_sgd.py",
    ),
    Defect(
        "a rule's memory isn't taken up from the checkpoint",
        "studies/jobs.py",
        'for name, a in arrays.items() if name.startswith("rule.")}',
        'for name, a in arrays.items() if name.startswith("rules.")}',
        "learning/test_rules.py",
    ),
    Defect(
        "the twin's Adam counts its steps anew after a resume",
        "bridges/torch_twin.py",
        'self._optimizer.state[parameter]["step"] = torch.tensor(float(steps))',
        'self._optimizer.state[parameter]["step"] = torch.tensor(0.0 * steps)',
        "bridges/test_backprop_twin.py",
    ),
    Defect(
        "Muon scales wide matrices like square ones",
        "learning/rules.py",
        "max(1.0, columns / rows) ** 0.5",
        "max(1.0, rows / rows) ** 0.5",
        "learning/test_rules.py",
    ),
    Defect(
        "a rule without a twin is refused after everything is trained",
        "studies/experiment.py",
        "            refuse_rule(recipe.backprop)\n",
        "            assert refuse_rule\n",
        "learning/test_rules.py",
    ),
    Defect(
        "torch's threads are waited for after a fork",
        "bridges/torch_tensors.py",
        "        if len(_THREADED_IN) > 1:",
        "        if not _THREADED_IN:",
        "engines/test_workers.py",
    ),
    Defect(
        "a kernel's code outlives changes of what it calls",
        "kernel_cache.py",
        "(kept._source_stamp, sources_stamp())",
        "(kept._source_stamp, None)",
        "engines/test_kernel_cache.py",
    ),
    Defect(
        "a softmax adds in any order",
        "engines/cpu/kernels.py",
        "@njit(cache=True)\ndef update_readout(",
        "@njit(cache=True, fastmath=_FAST)\ndef update_readout(",
        "engines/test_agreement.py",
    ),
    Defect(
        "a softmax in continuous time adds in any order",
        "engines/cpu/ode_flow.py",
        "@njit(cache=True)\ndef readout_lines(",
        "@njit(cache=True, fastmath=FAST)\ndef readout_lines(",
        "engines/test_continuous.py",
    ),
    Defect(
        "kernels divide as Python does",
        "kernel_cache.py",
        '{"error_model": "numpy", "fastmath": False, **options}',
        '{"fastmath": False, **options}',
        "engines/test_kernel_cache.py",
    ),
    Defect(
        "a kernel adds as whoever compiled it first",
        "kernel_cache.py",
        '"fastmath": False, **options',
        "**options",
        "engines/test_kernel_cache.py",
    ),
    Defect(
        "the first floats of a buffer lie on top of its others",
        "cost/reuse.py",
        "total += _root_sum(deepest) - _root_sum(deepest - taken)",
        "total += _root_sum(above + taken) - _root_sum(above)",
        "cost/test_access_reuse.py",
    ),
    Defect(
        "a traced step stops where nothing changes",
        "learning/access.py",
        "NEVER = -1.0",
        "NEVER = 0.0",
        "cost/test_step_trace.py",
    ),
    Defect(
        "a traced contrast leaves the free phase's states out",
        "learning/access.py",
        "if with_free:",
        "if with_free and k == 1:",
        "cost/test_step_trace.py",
    ),
    Defect(
        "a nudge reaches one layer further than it does",
        "learning/methods/reach.py",
        "if steps * math.log(gain) >= needed:",
        "if (steps - 1) * math.log(gain) >= needed:",
        "learning/test_reach.py",
    ),
    Defect(
        "scaled displacements find out on the way that reads aren't exact",
        "learning/methods/displaced_phases.py",
        'refuse_off_host(engine, "scaled displacements")\n        refuse_hardware(circuit, "scaled displacements")',
        'refuse_off_host(engine, "scaled displacements")',
        "learning/test_reach.py",
    ),
    Defect(
        "data of another width are left out of an estimate",
        "studies/estimate.py",
        "    check_inputs(dataset, network.columns)",
        "    pass",
        "cost/test_sample_batch.py",
    ),
    Defect(
        "the exact gradient of a deep chain is read from raw states",
        "studies/device_fidelity.py",
        "replace(EXACT, scaled=scaled and alike)",
        "EXACT",
        "learning/test_device_fidelity.py",
    ),
    Defect(
        "settings of a method that isn't chosen have no effect",
        "specs/model.py",
        "        found.refuse_idle()",
        "        pass",
        "cli/test_idle.py",
    ),
    Defect(
        "a method takes over what only another one reads",
        "specs/model.py",
        "if key not in idle}",
        "if key not in ()}",
        "cli/test_idle.py",
    ),
    Defect(
        "a kind that nobody builds trains as ideal",
        "specs/device.py",
        "return KINDS[self.kind]",
        'return KINDS.get(self.kind, KINDS["ideal"])',
        "cli/test_idle.py",
    ),
    Defect(
        "scaled displacements run on the CPU whatever engine was asked for",
        "engines/base.py",
        "    if not engine.on_host:",
        "    if False:",
        "cli/test_idle.py",
    ),
    Defect(
        "a training starts from drawn weights whatever it is given",
        "studies/training.py",
        'weights = initial_weights(network, stream(seed, "weights")) if weights is None else weights',
        'weights = initial_weights(network, stream(seed, "weights"))',
        "bridges/test_torch_network.py",
    ),
    Defect(
        "the network of a module forgets its skips",
        "bridges/torch_network.py",
        "network = Network(tuple(units), chain, known, feedback, skips=skips_of(module))",
        "network = Network(tuple(units), chain, known, feedback)",
        "bridges/test_torch_network.py",
    ),
    Defect(
        "relu saturates at 1 in compiled kernels",
        "physics/scalars.py",
        "return math.inf if code == RELU else (6.0 if code == RELU6 else 1.0)",
        "return 6.0 if code == RELU6 else 1.0",
        "engines/test_agreement.py",
    ),
    Defect(
        "the bound on the feedback gain counts couplings to bounded layers",
        "physics/hopfield.py",
        "        if free[k - 1] and free[k]:",
        "        if free[k - 1] or free[k]:",
        "closed_form/test_hopfield.py",
    ),
    Defect(
        "settled modules read one array in both directions",
        "bridges/torch_settled.py",
        "for k in range(1, self.dynamical + 1)] if self._apart else ups",
        "for k in range(1, self.dynamical + 1)] * 0 or ups",
        "bridges/test_torch_settled.py",
    ),
    Defect(
        "gradients of settled modules stop when they are small next to 1",
        "bridges/torch_settled.py",
        "u = _repeated(adjoint, list(slopes), _norms(slopes), ",
        "u = _repeated(adjoint, list(slopes), 1.0 + _norms(slopes), ",
        "bridges/test_torch_settled.py",
    ),
    Defect(
        "predictions of the regressor stay in units of the spread",
        "studies/sklearn_estimators.py",
        "self._outputs(X) * self.target_scale_ + self.target_mean_",
        "self._outputs(X) + self.target_mean_",
        "bridges/test_sklearn_estimators.py",
    ),
    Defect(
        "layers of a state dict are sorted as text",
        "bridges/imports.py",
        "for name in sorted(tensors, key=_by_numbers):",
        "for name in sorted(tensors):",
        "cli/test_exchange.py",
    ),
    Defect(
        "a loader's random transforms are read out once and frozen",
        "data/loaders.py",
        "again: Any = dataset[0] if items else ()",
        "again: Any = items[0] if items else ()",
        "data/test_loaders.py",
    ),
    Defect(
        "the complex sigmoid is a tanh",
        "learning/methods/complex_states.py",
        "logistic: ComplexArray = 0.5 + 0.5 * np.tanh(0.5 * inputs)",
        "logistic: ComplexArray = np.tanh(inputs)",
        "convergence/test_holomorphic.py",
    ),
    Defect(
        "displacements of the sigmoid bend as the tanh's do",
        "learning/methods/displacement_kernels.py",
        "new = z[j] * share * (s[j] * (one - s[j])) / (one + (s[j] - (one - s[j])) * curve)",
        "new = z[j] * share * (s[j] * (one - s[j])) / (one + s[j] * curve)",
        "convergence/test_scaled.py",
    ),
    Defect(
        "an operand named twice moves twice",
        "cost/stack_kernels.py",
        "if places[value] < first:  # an operand",
        "if True:  # an operand",
        "cost/test_byte_dmd.py",
    ),
    Defect(
        "results of a program die with their last use",
        "cost/byte_dmd.py",
        "last[values.of(name)] = len(operands.starts)",
        "values.of(name)",
        "cost/test_byte_dmd.py",
    ),
    Defect(
        "a full word of places is forgotten by the sums",
        "cost/stack_kernels.py",
        "tree[1 : full + 1] = _BITS",
        "tree[1:full] = _BITS",
        "cost/test_stack_distance.py",
    ),
    Defect(
        "a read that just fits is served by the next level",
        "cost/hierarchy.py",
        "float_bytes * reuse.distances.astype(np.float64))",
        "float_bytes * reuse.distances.astype(np.float64) + 1.0)",
        "cost/test_hierarchy.py",
    ),
    Defect(
        "no free copy runs along where free states enter the difference",
        "solvers/spikes.py",
        "free_copy=compared",
        "free_copy=False",
        "spikes/test_twin.py",
    ),
    Defect(
        "spikes from above bring what those from below do, without the feedback gain",
        "engines/spiking/engine.py",
        "(real(gain) * coupling_down(circuit, k).T)",
        "(real(1.0) * coupling_down(circuit, k).T)",
        "spikes/test_twin.py",
    ),
    Defect(
        "sigma-delta codes a state itself, not what a filter lacks of it",
        "engines/spiking/kernels.py",
        "accumulated[i] += (state - kept * before[i]) / leak",
        "accumulated[i] += state",
        "spikes/test_twin.py",
    ),
    Defect(
        "the fidelity of a spiking network's gradient is held to spikes",
        "studies/device_fidelity.py",
        'return create("cpu", 1) if rig.recipe.phases.spiking else rig.engine',
        "return rig.engine",
        "spikes/test_spiking_commands.py",
    ),
    Defect(
        "the layer under a segment's end is computed anew as if it were inside",
        "cost/traces.py",
        "_forward(script, lower, lower < k - 1)",
        "_forward(script, lower, True)",
        "cost/test_closed_forms.py",
    ),
    Defect(
        "a nudged sweep's working set forgets the targets",
        "cost/closed_forms.py",
        "fixed + 3 * copies * units",
        "fixed + 3 * copies * units - copies * int(v[-1])",
        "cost/test_closed_forms.py",
    ),
    Defect(
        "a minibatch's target is one sample's",
        "learning/access.py",
        '("y", batch * sizes[-1])',
        '("y", sizes[-1])',
        "cost/test_closed_forms.py",
    ),
    Defect(
        "tanh in single precision takes its series beyond where that holds",
        "physics/scalars.py",
        "_NEAR, _SATURATED = np.float32(0.75), np.float32(10.0)",
        "_NEAR, _SATURATED = np.float32(1.75), np.float32(10.0)",
        "closed_form/test_scalars.py",
    ),
    Defect(
        "the read-out's rate on parity isn't brought to the number of inputs",
        "studies/parity.py",
        "readout * (self.bits / bits) * (hidden / self.hidden)",
        "readout * (hidden / self.hidden)",
        "learning/test_parity_solving.py",
    ),
    Defect(
        "the trace of a step straight into weights adds gradients once more",
        "learning/access.py",
        "for name, size in () if direct else parameters:",
        "for name, size in parameters:",
        "cost/test_step_trace.py",
    ),
    Defect(
        "the loop's gain leaves out the feedback gain",
        "physics/loop.py",
        "total += circuit.feedback * (change[k] @ coupling_down(circuit, k + 1).T)",
        "total += change[k] @ coupling_down(circuit, k + 1).T",
        "learning/test_diagnosis.py",
    ),
    Defect(
        "the contrast's noise is that of the whole batch, not of a minibatch",
        "studies/figures.py",
        "rows, phases = slice(case.recipe.training.batch_size), case.recipe.phases",
        "rows, phases = slice(None), case.recipe.phases",
        "learning/test_figures.py",
    ),
    Defect(
        "a step is measured without the momentum that builds up",
        "studies/figures.py",
        "built_up = 1.0 - training.momentum if training.rule == SGD else 1.0",
        "built_up = 1.0",
        "learning/test_figures.py",
    ),
    Defect(
        "a loop gain past 1 is told of after every epoch",
        "learning/loop_watch.py",
        "            self._idle = True\n",
        "",
        "learning/test_loop_watch.py",
    ),
    Defect(
        "a graded spike's remainder is forgotten",
        "engines/spiking/kernels.py",
        "                before[i] += value\n",
        "                before[i] = s[i]\n",
        "spikes/test_twin.py",
    ),
]


def failure(folder: Path, tests: str) -> str:
    """The first test that fails on the copy of neuroep in a folder, or nothing."""
    paths = {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", str(folder / "tests" / tests)]
    try:
        done = subprocess.run(
            command, env=os.environ | paths, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"{tests}: no end within {PATIENCE} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode != 1 or not lines:
        raise SystemExit(f"{tests} can't run:\n{done.stdout[-2000:]}")
    return lines[0].removeprefix("FAILED ").removeprefix("tests/")


def notice(defect: Defect, folder: Path) -> str:
    """Plant a defect, run its tests, take it out again: the test that noticed, or nothing."""
    path = folder / "neuroep" / defect.file
    sound = path.read_text(encoding="utf-8")
    if sound.count(defect.right) != 1:
        raise SystemExit(f"{defect.file} no longer has one line {defect.right.strip()!r}")
    path.write_text(sound.replace(defect.right, defect.wrong), encoding="utf-8")
    try:
        return failure(folder, defect.tests)
    finally:
        path.write_text(sound, encoding="utf-8")


def main(numbers: list[int]) -> int:
    """Try the defects of the given numbers, or all."""
    chosen = [(i, DEFECTS[i - 1]) for i in numbers or range(1, len(DEFECTS) + 1)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("neuroep", "models", "devices", "tests", "setup.cfg"):
            source = HERE.parent / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        for tests in sorted({defect.tests for _, defect in chosen}):
            if failed := failure(folder, tests):
                sys.stderr.write(f"fails without any defect: {failed}\n")
                return 2
        survived = 0
        for number, defect in chosen:
            found = notice(defect, folder)
            survived += not found
            sys.stdout.write(
                f"{number:2d} {'caught  ' if found else 'SURVIVED'} {defect.what}: {found or defect.tests}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - survived} of {len(chosen)} defects caught\n")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main([int(number) for number in sys.argv[1:]]))
