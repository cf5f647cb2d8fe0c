"""Every cuda kernel compiles to PTX and SASS for sm_80, sm_90 and sm_100, without spills, within 48 KiB shared."""

from __future__ import annotations

import pytest

from neuroep.engines.cuda.report import ARCHITECTURES, KernelVariant, compile_variant, unavailable, variants
from neuroep.engines.cuda.roofline import REGISTERS
from neuroep.engines.cuda.tiles import SETTLING, SHARED_BYTES, choose, state_bytes, static_bytes
from neuroep.specs.catalogue import load_model

REASON = unavailable()
needs_compilers = pytest.mark.skipif(REASON is not None, reason=f"no compilers for kernels: {REASON}")
FAST = [
    v for v in variants() if v.name not in ("settle", "integrate") or (v.tile is SETTLING[0] and v.dtype == "float32")
]
#: Registers of a block's threads: 65536 a multiprocessor, at most 255 a thread.
MOST_REGISTERS = 255


def check(variant: KernelVariant, architecture: tuple[int, int]) -> None:
    found = compile_variant(variant, architecture)
    assert found.architecture == "sm_{}{}".format(*architecture)
    assert found.sass_bytes > 0
    assert found.spill_bytes == 0
    assert 0 < found.registers < MOST_REGISTERS
    assert found.shared_bytes == variant.static_bytes <= SHARED_BYTES
    assert found.stack_bytes <= 128
    if architecture == (9, 0):
        kind = "settle" if variant.name in ("settle", "integrate") else "product"
        assert found.registers <= REGISTERS[kind][variant.dtype]


@needs_compilers
@pytest.mark.parametrize("variant", FAST, ids=lambda v: v.label)
def test_for_the_h100(variant: KernelVariant) -> None:
    check(variant, (9, 0))


@pytest.mark.slow
@needs_compilers
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids="sm_{0[0]}{0[1]}".format)
@pytest.mark.parametrize("variant", list(variants()), ids=lambda v: v.label)
def test_for_every_architecture(variant: KernelVariant, architecture: tuple[int, int]) -> None:
    check(variant, architecture)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["digits-mlp", "parity", "fashion-mlp", "fashion-deep"])
def test_the_models_states_fit_into_shared_memory(name: str, dtype: str) -> None:
    """Static and dynamic memory of the block that is chosen, at a batch that fills an H100 and at a small one."""
    sizes = load_model(name).network().sizes
    for batch in (1, 64, 10_000):
        tile, resident = choose(sizes, batch, dtype, processors=132)
        assert resident
        assert static_bytes(tile, dtype) + state_bytes(tile, sizes, dtype) <= SHARED_BYTES


def test_wide_layers_leave_shared_memory() -> None:
    """20 000 numbers of 4 bytes a row are 80 kB, more than any block gets."""
    tile, resident = choose((784, 10_000, 10_000, 10), 512, "float32")
    assert not resident
    assert static_bytes(tile, "float32") <= SHARED_BYTES
