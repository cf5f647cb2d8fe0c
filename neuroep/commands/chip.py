"""How commands show a chip: the learning rule with its legality, and the core map of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_table

if TYPE_CHECKING:
    from neuroep.hardware.loihi.chip import LearningChip
    from neuroep.hardware.loihi.cores import CoreMap
    from neuroep.hardware.loihi.learning import Legality, Product


def rule_object(chip: LearningChip) -> dict[str, Any]:
    """Return a chip's learning rule as plain data: each product with its bits, and why it can't run if it can't."""
    rules, found = chip.rules(), chip.legality()
    problems = [f"{form}: {problem}" for form, legality in found.items() for problem in legality.problems]
    products = [
        {
            "form": form, "rule": rules[form], "product": number + 1, "gated": product.gated,
            "same_in_both_phases": number in legality.ungated, "bits": product.bits, "shift": product.shift,
        }
        for form, legality in found.items() for number, product in enumerate(legality.products)
    ]  # fmt: skip
    legal = not problems
    return {
        "learning_rule": chip.learning_rule,
        "legal": legal,
        "problem": None if legal else "; ".join(problems),
        "products": products,
    }


def map_object(placed: CoreMap) -> dict[str, Any]:
    """Return a core map as plain data."""
    return {
        "weight_bits": placed.weight_bits,
        "cores": placed.cores,
        "chips": placed.chips,
        "synapse_bits": placed.synapse_bits,
        "limits": placed.limits._asdict(),
        "layers": [layer._asdict() for layer in placed.layers],
    }


def show_rule(chip: LearningChip) -> None:
    """Print a chip's learning rule, product by product, and whether the learning engine can run it."""
    rules, found = chip.rules(), chip.legality()
    rows = [
        (
            form, rules[form], str(number + 1), "yes" if product.gated else "no", _told_apart(number, legality, chip),
            str(product.bits), _cut(product),
        )
        for form, legality in found.items() for number, product in enumerate(legality.products)
    ]  # fmt: skip
    problems = [f"{form}: {problem}" for form, legality in found.items() for problem in legality.problems]
    title = f"learning rule {chip.learning_rule!r}: {'not legal' if problems else 'legal'}"
    show_table(title, ("form", "Δw", "product", "gated", "phases told apart by", "bits", "cut off"), rows, text=2)
    for problem in problems:
        say(f"  {problem}")


def _told_apart(number: int, legality: Legality, chip: LearningChip) -> str:
    if number not in legality.ungated:
        return "the rule"
    return "the host" if chip.learning_rule == "swapped" else "nothing"


def _cut(product: Product) -> str:
    return f"{product.shift} bits" if product.shift else "none"


def show_map(device: str, placed: CoreMap) -> None:
    """Print where a model goes: units, cores, axons and synapse memory of each layer."""
    limits = placed.limits
    rows = [
        (
            *(f"{number:,}" for number in (n.layer, n.units, n.units_per_core, n.cores, n.in_axons, n.out_axons)),
            f"{n.core_bits / 8192:,.1f}", f"{n.total_bits / 8192:,.1f}",
        )
        for n in placed.layers
    ]  # fmt: skip
    title = (
        f"{device}: {placed.cores:,} core(s) on {placed.chips:,} chip(s), {placed.weight_bits}-bit weights; a core"
        f" holds {limits.compartments:,} units, {limits.axons:,} axons in and out,"
        f" {limits.synapse_bits / 8192:,.0f} KiB"
    )
    header = ("layer", "units", "units/core", "cores", "axons in", "axons out", "KiB/core", "KiB")
    show_table(title, header, rows)
