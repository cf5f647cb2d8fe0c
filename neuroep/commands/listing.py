"""`neuroep models` and `neuroep devices`: what there is, and one in full."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from neuroep.commands.chip import rule_object, show_rule
from neuroep.commands.console import say, show_json, show_table

if TYPE_CHECKING:
    from neuroep.recipe import Phases, Programming, Recipe, Training
    from neuroep.specs import DeviceSpec, ModelSpec


def add(commands: Any) -> None:
    """Add both commands' arguments."""
    for name, what, one, act in (
        ("models", "model", "digits-mlp", act_models),
        ("devices", "device profile", "ecram", act_devices),
    ):
        about = f"list {what}s, or show one in full with its sources"
        parser = commands.add_parser(name, help=about, example=f"neuroep {name} {one}")
        parser.add_argument("name", nargs="?", help=f"a {what}'s name, or the path of a TOML file")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.set_defaults(act=act)


def act_models(options: argparse.Namespace) -> int:
    """Carry out `models`."""
    from neuroep.specs.catalogue import load_model, names

    if options.name is None:
        specs = [load_model(name) for name in names("models")]
        if options.json:
            show_json({"models": [{"name": s.name, "summary": s.summary, "data": s.data} for s in specs]})
        else:
            show_table("models", ("name", "data", "summary"), [(s.name, s.data, s.summary) for s in specs], text=3)
        return 0
    spec = load_model(options.name)
    if options.json:
        show_json(model_object(spec))
    else:
        show_model(spec)
    return 0


def act_devices(options: argparse.Namespace) -> int:
    """Carry out `devices`."""
    from neuroep.specs.catalogue import load_device, names

    if options.name is None:
        specs = [load_device(name) for name in names("devices")]
        if options.json:
            show_json({"devices": [{"name": s.name, "kind": s.kind, "summary": s.summary} for s in specs]})
        else:
            show_table("devices", ("name", "kind", "summary"), [(s.name, s.kind, s.summary) for s in specs], text=3)
        return 0
    spec = load_device(options.name)
    if options.json:
        show_json(device_object(spec))
    else:
        show_device(spec)
    return 0


def model_object(spec: ModelSpec) -> dict[str, Any]:
    """Return a model as plain data: network and recipes with every default filled in, and the accuracies reached."""
    import msgspec

    built: dict[str, Any] = msgspec.to_builtins(
        {
            "name": spec.name,
            "path": str(spec.path),
            "summary": spec.summary,
            "data": spec.data,
            "scale": spec.scale,
            "network": spec.network().as_dict(),
            "recipe": spec.recipe(),
            "on": recipes_on(spec),
            "measured": spec.measured,
        }
    )
    return built


def recipes_on(spec: ModelSpec) -> dict[str, Recipe]:
    """Return the recipe of every device that has a table, with what holds for its kind, and of kinds themselves."""
    from neuroep.specs.catalogue import load_device, names

    shipped = names("devices")
    return {name: spec.recipe(load_device(name)) if name in shipped else spec.overridden(name) for name in spec.devices}


def device_object(spec: DeviceSpec) -> dict[str, Any]:
    """Return a profile as plain data, every number with value, unit, source, tag and band."""
    numbers = {
        key: {
            "value": q.value, "unit": q.unit, "source": q.source, "tag": q.tag, "low": q.bottom, "high": q.top,
        }
        for key, q in spec.quantities()
    }  # fmt: skip
    texts = {"citation": list(spec.citation), "notes": list(spec.notes), "caveats": list(spec.caveats)}
    head = {"name": spec.name, "path": str(spec.path), "kind": spec.kind, "summary": spec.summary}
    chip = spec.chip()
    rule = {"chip": None if chip is None else rule_object(chip)}
    return head | {"words": spec.words(), "numbers": numbers} | rule | texts


def show_model(spec: ModelSpec) -> None:
    """Print a model: layers, recipe, accuracies with the commands that gave them."""
    from neuroep.physics.known import PHYSICS

    network, recipe = spec.network(), spec.recipe()
    scale = "" if spec.scale == "none" else f", scaled: {spec.scale}"
    say(f"{spec.name}: {spec.summary}\n  file {spec.path}\n  data {spec.data}{scale}")
    energy = PHYSICS[network.physics]
    clamped = f", inputs clamped at ±{network.input_gain:g} x" if energy.rails > 1 else ""
    say(f"  {network.physics} energy, cost {network.cost.label}, feedback gain γ = {network.feedback:g}{clamped}")
    drawn = "U" if energy.least_weight == float("-inf") else f"at least {energy.least_weight:g}, of U"
    layers = [
        (
            str(k), str(layer.size), "clamped input" if k == 0 else layer.activation.label,
            "" if k == 0 else f"{drawn}(±{network.couplings[k - 1].gain:g}/√{network.sizes[k - 1]})",
        )
        for k, layer in enumerate(network.layers)
    ]  # fmt: skip
    show_table("layers", ("layer", "units", "activation", "initial weights"), layers, text=4)
    for skip in network.skips:
        say(f"  skip from layer {skip.source} to layer {skip.target}, gain {skip.gain:g}")
    rows = [_training_row("EP", recipe.training)]
    rows += [_training_row("backprop", recipe.backprop)] if energy.feedforward else []
    rows += [_training_row(f"EP on {name}", on.training, on.programming) for name, on in recipes_on(spec).items()]
    say(f"  {recipe.phases.estimator.value} estimator, β = {recipe.phases.beta:g}, {_settling(recipe.phases)}")
    header = (
        "method", "epochs", "batch", "learning rates", "decay", "rule", "momentum", "weight decay", "updates", "reads"
    )  # fmt: skip
    show_table("training", header, rows)
    for found in spec.measured:
        say(
            f"  measured: {found.method} on {found.device}: {found.test_accuracy:.2%} ± {found.sd:.2%}"
            f" over {found.seeds} seeds, {found.epochs} epochs\n    {found.command}"
        )


def _settling(phases: Phases) -> str:
    """How the phases settle, in words."""
    if phases.spiking:
        steps = f"{phases.free_sweeps} free steps, {phases.nudged_sweeps} nudged, read off the last {phases.window}"
        rates = f"relaxation {phases.relaxation:g}, leak {phases.leak:g}, peak {phases.peak:g}"
        return f"{phases.solver} spikes, {steps}, {rates}"
    if not phases.in_time:
        orders = phases.free_order.value, phases.nudged_order.value
        sweeps = f"{phases.free_sweeps} free sweeps ({orders[0]}), {phases.nudged_sweeps} nudged ({orders[1]})"
        return f"{sweeps}, tolerance {phases.tolerance:g}"
    steps = f"rtol {phases.rtol:g}, atol {phases.atol:g}"
    steps = steps if phases.step_seconds is None else f"steps of {phases.step_seconds:g} s"
    noise = f", thermal noise {phases.noise:g} per √s" if phases.noise else ""
    limits = f"at most {phases.free_sweeps} free steps, {phases.nudged_sweeps} nudged"
    return f"{phases.solver} in {phases.form.value} form, {steps}{noise}, {limits}, tolerance {phases.tolerance:g}"


def _training_row(name: str, training: Training, programming: Programming | None = None) -> tuple[str, ...]:
    used = ("", "") if programming is None else (programming.method.value, programming.reads.value)
    rates = ", ".join(f"{rate:g}" for rate in training.learning_rates)
    descent = f"{training.decay:g}", training.rule, f"{training.momentum:g}", f"{training.weight_decay:g}"
    return name, str(training.epochs), str(training.batch_size), rates, *descent, *used


def show_device(spec: DeviceSpec) -> None:
    """Print a profile: every number with unit, band, tag and source; estimates are marked."""
    say(f"{spec.name}: {spec.summary}\n  file {spec.path}\n  kind {spec.kind}")
    if words := spec.words():
        say(f"  {', '.join(f'{key} {word}' for key, word in words.items())}")
    marks = {"estimate": "estimate (!)", "unverified": "unverified (!)"}
    rows = [
        (
            key, f"{q.value:g} {q.unit}", "" if q.bottom == q.top else f"{q.bottom:g} to {q.top:g}",
            marks.get(q.tag, q.tag), q.source,
        )
        for key, q in spec.quantities()
    ]  # fmt: skip
    if rows:
        show_table("numbers", ("key", "value", "band", "tag", "source"), rows, text=5)
    chip = spec.chip()
    if chip is not None:
        show_rule(chip)
    for title, lines in (("published in", spec.citation), ("notes", spec.notes), ("not counted", spec.caveats)):
        if lines:
            say("\n".join([f"{title}:", *(f"  - {line}" for line in lines)]))
