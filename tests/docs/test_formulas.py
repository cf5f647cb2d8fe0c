"""Formulas become MathML that browsers draw by themselves; needs what makes the site."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from formulas import mathml

pytest.importorskip("latex2mathml", reason="only the extra 'docs' has it")
NAME = "{http://www.w3.org/1998/Math/MathML}"


def test_a_fraction_has_two_parts() -> None:
    root = ElementTree.fromstring(mathml(r"\frac{a}{b}", "block"))
    assert root.tag == f"{NAME}math"
    assert root.attrib["display"] == "block"
    (fraction,) = root.iter(f"{NAME}mfrac")
    assert [part.text for part in fraction.iter(f"{NAME}mi")] == ["a", "b"]


def test_the_energy_s_slope_keeps_its_letters() -> None:
    text = "".join(ElementTree.fromstring(mathml(r"\partial E / \partial W_k", "inline")).itertext())
    assert text == "∂E/∂Wk"
