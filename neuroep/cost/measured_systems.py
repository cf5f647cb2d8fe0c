"""The systems that prices are held to: silicon and boards that were measured, and designs that were only simulated.

Figures were read again in the publication or its abstract unless a record says otherwise; what such a record recalls
besides (sizes, peak rates) it says in its source.
"""

from __future__ import annotations

from dataclasses import replace

from neuroep.cost.anchors import Anchor, Term, flops, forward, products, reads
from neuroep.cost.gated_chain import MEASURED, Activity, Load, inference, training
from neuroep.ledger import Phase

_RENNER = "Renner et al., Nature Communications 15, 9691 (2024), table 1; events counted from their published code"


def _gated_chain(what: str, load: Load, phase: Phase, joules: float) -> Anchor:
    work = {event: float(n) for event, n in load.chip.events(phase).items() if n}
    return Anchor(f"Loihi, 400-400-10 binary units, {what}", "loihi1", joules, _RENNER, work)


_INFERENCE = _gated_chain("an inference", inference(Activity()), Phase.INFERENCE, MEASURED["inference"].joules)
_TRAINING = _gated_chain("a training sample", training(Activity()), Phase.FREE, MEASURED["training"].joules)

_CORE = Anchor(
    name="Loihi, a core of 250 neurons, a time step",
    profile="loihi1",
    joules=1.58e-3 * 16.65e-6,
    source="dynamic power of 1.58 mW and steps of 16.65 us, Intel's LSNN on sequential MNIST "
    "(intel-nrc-ecosystem/models, sMNIST_Loihi_performance_measurements.ipynb); synapses and spikes not counted",
    work={"neuron_idle": 250},
)
_HENRI = Anchor(
    name="Henri, 80 H100 PCIe and hosts, a Gflop of Linpack",
    profile="gpu-h100",
    joules=1 / 65.091,
    source="Green500, November 2022: 65.091 Gflop/s/W at the wall, 2.04 Pflop/s, 37.6 % of peak; double precision, "
    "whose peak rate on tensor cores is that of fp32 without them",
    work=flops(1e9),
    read="second-hand",
)
_FUGAKU = Anchor(
    name="Fugaku, A64FX alone, a Gflop of Linpack",
    profile="cpu-server",
    joules=1 / 14.78,
    source="TOP500 of 2021: 14.78 Gflop/s/W at the wall, double precision",
    work=flops(1e9),
    read="second-hand",
)

_KEYWORDS = forward(390, 256, 256, 29)
_XEON = Anchor(
    name="Xeon E5-2630, 390-256-256-29 at batch 1, an inference",
    profile="cpu-server",
    joules=28.48 / 1813.63,
    source="Blouw et al. 2019 (arXiv 1812.01739), table 1: 28.48 W, idle power included, and 1813.63 inferences/s",
    work=_KEYWORDS,
    term=Term(
        name="utilisation of 0.28 %",
        source="the table's inferences a second times 345.6 kflop, over 221 Gflop/s (6 cores, 2.3 GHz, AVX; recalled)",
        utilisation=1813.63 * 2.0 * _KEYWORDS["synop"] / (6 * 2.3e9 * 16),
    ),
)
_SPINNAKER = Anchor(
    name="SpiNNaker 2 prototype, 390-256-256-29, an inference",
    profile="spinnaker2",
    joules=7.1e-6,
    source="Yan et al. 2021 (doi 10.1088/2634-4386/abf150): 7.1 uJ over idle, as in Bos and Muir 2024, table 2",
    work=_KEYWORDS,
    read="second-hand",
    term=Term(
        name="a MAC array in place of software",
        source="Yan et al.: products run on the array beside each core, while the price is that of a core which adds "
        "weight by weight; taken as int8 arithmetic, 0.23 pJ, and a byte of SRAM, 1.25 pJ (Horowitz 2014, 45 nm)",
        instead={"effective_synop": 0.23e-12 + 1.25e-12},
    ),
)

_EYERISS = Anchor(
    name="Eyeriss, 65 nm, convolutions of AlexNet, an image",
    profile="digital-45nm",
    joules=0.278 / 35,
    source="Chen et al., JSSC 2017: 278 mW at 35 images/s, 666 million products (ISSCC 2016), 16-bit integers; memory "
    "outside the chip not counted; 650,080 outputs recalled",
    work=reads(666e6) | {"neuron_update": 650_080},
)
_RAPID = Anchor(
    name="RaPiD, 7 nm, 8-bit floating point, a Tflop",
    profile="digital-7nm",
    joules=1 / 3.5,
    source="Venkataramani et al., ISCA 2021: 3.5 Tflop/s/W at nominal voltage, peak, hybrid FP8",
    work=flops(1e12),
    term=Term(
        name="narrow numbers, and weights that stay in registers",
        source="fp16 multiply and add, 0.34 and 0.16 pJ at 7 nm (Jouppi et al. 2021, recalled); the profile "
        "multiplies fp32 and reads each weight from SRAM",
        instead={"synop": 0.34e-12 + 0.16e-12},
    ),
)

_HERMES = Anchor(
    name="HERMES, 64 PCM cores in 14 nm, a product of 256 × 256",
    profile="pcm-pair",
    joules=0.86e-6 / 64,
    source="Le Gallo et al., Nature Electronics 6, 680 (2023), table I: 0.86 uJ for 64 cores in the 1-phase mode, "
    "8-bit inputs and outputs; arrays, converters and pulse drivers (the abstract's 9.76 TOPS/W)",
    work=products(256, 256),
    read="second-hand",
    term=Term(
        name="cells read for 64 ns, four of them a weight",
        source="Le Gallo et al. 2023: inputs are pulses of 1 ns a step of 8 bits, on average half of 127 ns, and a "
        "weight is four devices; the profile reads two for 10 ns. V² G t with its 0.2 V and 12.5 uS",
        instead={"effective_synop": 4 * 0.2**2 * 12.5e-6 * 64e-9},
    ),
)
_HERMES_CORE = replace(
    _HERMES,
    name="HERMES core, 14 nm, a product of 256 × 256",
    joules=2 * 256 * 256 / 10.5e12,
    source="Khaddam-Aljameh et al., JSSC 2022: 10.5 TOPS/W, measured at 1 GHz",
    read="re-read",
)
_NEURRAM = Anchor(
    name="NeuRRAM, 130 nm, a product of 128 × 256, pairs of cells",
    profile="rram-taox",
    joules=2 * 128 * 256 / 8.257e12,
    source="Wan et al., Nature 608, 504 (2022), extended data figure 12: 8.26 TOPS/W at 6-bit inputs and 8-bit "
    "outputs, as read off the figure in CiMLoop (wan_nature_2022)",
    work=products(128, 256),
    read="second-hand",
    term=Term(
        name="word lines, and neurons at 130 nm and 1.8 V",
        source="the same figure, b: 37.2 fJ an operation for switching word lines between 0.9 and 2.2 V, 52.5 fJ for "
        "neurons and control; the profile has no word lines, and converters of 28 nm",
        instead={"adc": 0.0},
        extra_joules=2 * 128 * 256 * (37.2e-15 + 52.5e-15),
    ),
)
_FLASH = Anchor(
    name="Floating-gate classifier, 180 nm, 784-64-10, an image",
    profile="sonos-flash",
    joules=20e-9,
    source="Merrikh Bayat et al., arXiv 1610.02091: about 20 nJ and under 1 us, measured, 101,780 cells, two a "
    "weight, biases included",
    work={"synop": 101_780 / 2},
    term=Term(
        name="180 nm in place of 40 nm",
        source="the abstract expects less of a better neuron and a more advanced memory technology; energy taken to "
        "go with feature size, 4.5 times",
        instead={"synop": 4.5 * 0.1e-12},
    ),
)

MEASURED_SYSTEMS = (
    _INFERENCE,
    _TRAINING,
    replace(_INFERENCE, profile="loihi1-sanafe"),
    replace(_TRAINING, profile="loihi1-sanafe"),
    _CORE,
    _SPINNAKER,
    _HENRI,
    _FUGAKU,
    _XEON,
    _EYERISS,
    _RAPID,
    _HERMES,
    _HERMES_CORE,
    _NEURRAM,
    replace(_NEURRAM, profile="rram-hfo2", term=None),
    _FLASH,
)
"""Whole systems whose energy was measured."""

_RPU = Anchor(
    name="Resistive processing unit, a product of 4096 × 4096",
    profile="ecram",
    joules=2 * 4096 * 4096 / 84e12,
    source="Gokmen and Vlasov, Frontiers in Neuroscience 10, 333 (2016): 84,000 Gop/s/W, estimated",
    work=products(4096, 4096),
    read="recalled",
)

SIMULATED_SYSTEMS = (
    Anchor(
        name="ReRAM training block, 14/16 nm, a product of 1024 × 1024",
        profile="rram-taox",
        joules=1024 * 1024 * 11e-15,
        source="Marinella et al., arXiv 1707.09952: 11 fJ a multiply-accumulate; size of the array recalled",
        work=products(1024, 1024),
    ),
    _RPU,
    replace(_RPU, profile="capacitor"),
)
"""Designs whose energy was only simulated or estimated: shown apart, and no proof of a price."""
