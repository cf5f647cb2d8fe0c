"""`neuroep check`: gradient fidelity, EP against backprop and finite differences, and a diagnosis."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import add_without, names_in, say, show_json, show_table, without_note

if TYPE_CHECKING:
    from neuroep.network import Network
    from neuroep.recipe import Reads
    from neuroep.studies.diagnosis import Finding
    from neuroep.studies.fidelity import Fidelity


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "check",
        help="gradient fidelity: EP against backprop and finite differences",
        example="neuroep check digits-mlp --device ecram",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--device", "-d", metavar="D", help="mount the weights on this device first")
    parser.add_argument("--feedback", type=float, metavar="γ", help="feedback gain in place of the model's")
    parser.add_argument("--beta", type=float, metavar="β", help="nudging strength in place of the model's")
    parser.add_argument("--precision", default="float64", help="float64 (default) or float32")
    parser.add_argument("--samples", type=int, default=64, metavar="N", help="samples of the batch (default 64)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    parser.add_argument("--seed", "-s", type=int, default=0, metavar="S", help="of weights and samples (default 0)")
    parser.add_argument("--reads", metavar="R", help="states, changes or adjoint, in place of the recipe's")
    add_without(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.errors import BadInput
    from neuroep.hardware.device import refuse_unbounded
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.estimate import sample_batch
    from neuroep.studies.fidelity import check
    from neuroep.studies.rig import built

    off = names_in(options.without)
    if options.samples < 1:
        raise BadInput(f"{options.samples} samples", "--samples", "1 or more")
    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    model = load_model(options.model)
    device = None if options.device is None else load_device(options.device)
    network = model.network()
    refuse_unbounded(network, built("ideal" if device is None else device))
    where, samples = sample_batch(model, network, options.samples, options.seed)
    found = check(
        model,
        samples,
        device,
        options.feedback,
        options.beta,
        options.precision,
        options.engine,
        options.seed,
        off,
        _reads(options.reads),
    )
    name = "ideal" if device is None else device.name
    if options.json:
        head = {
            "model": model.name,
            "device": name,
            "without": list(off),
            "inputs": where,
            "settled": found.settled,
            "reads": found.reads.value,
        }
        show_json(
            head
            | {"feedback": found.feedback, "beta": found.beta, "rows": [row._asdict() for row in found.rows]}
            | {"diagnosis": [_plain(finding) for finding in found.findings]}
        )
        return 0
    reads = "" if found.reads.value == "states" else f", reads of {found.reads.value}"
    title = (
        f"{model.name} on {name}: γ = {found.feedback:g}, β = {found.beta:g}, {options.precision},"
        f" {len(samples.x)} samples of {where}, {found.settled:.0%} settled{reads}{without_note(off)}"
    )
    _show(title, found, network)
    return 0


def _show(title: str, found: Fidelity, network: Network) -> None:
    """Print what was found as people read it."""
    from neuroep.physics.known import PHYSICS
    from neuroep.studies.fidelity import SMALL_BETA

    rows = [(r.against, str(r.layer), _cell(r.cosine, ".6f"), _cell(r.relative_error, ".2e")) for r in found.rows]
    if rows or not found.findings:
        show_table(title, ("against", "coupling", "cosine", "relative error"), rows)
    else:
        say(f"{title}; no gradient: states diverge")
    for finding in found.findings:
        verdict = "sound" if finding.advice is None else f"over {finding.limit:g}: try {finding.advice}"
        say(f"  {finding.name:10s} {finding.value:8.3g}  {verdict}")
    if not PHYSICS[network.physics].feedforward:
        say(f"no backprop: a feedforward net isn't the limit of a {network.physics} network")
    if rows and found.beta > SMALL_BETA and _has_kinks(network):
        say(f"units with kinks: a nudge of β = {found.beta:g} can cross them; try --beta {SMALL_BETA}")
    noisy = any(finding.name == "noise" and finding.value > 0.0 for finding in found.findings)  # it never comes to rest
    if found.settled < 1.0 and not noisy:
        say("some samples did not settle: their gradients are not those of an equilibrium; try a smaller --feedback")


def _cell(value: float, form: str) -> str:
    """A figure; a dash where a gradient of zero has no direction."""
    return "–" if math.isnan(value) else f"{value:{form}}"


def _plain(finding: Finding) -> dict[str, Any]:
    remedies = [[change._asdict() for change in remedy] for remedy in finding.remedies]
    return finding._asdict() | {"remedies": remedies}


def _reads(given: str | None) -> Reads | None:
    from neuroep.errors import UnknownName
    from neuroep.recipe import Reads

    known = [reads.value for reads in Reads]
    if given is not None and given not in known:
        raise UnknownName("way of reading", given, known, "--reads")
    return None if given is None else Reads(given)


def _has_kinks(network: Network) -> bool:
    from neuroep.physics.activations import KINKED

    return any(layer.activation in KINKED for layer in network.layers[1:])
