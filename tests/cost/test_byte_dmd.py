"""ByteDMD: the published check values, a stack of single bytes, and rules of the model one by one."""

from __future__ import annotations

import math
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.cost.byte_dmd import Instruction, Program, byte_dmd, program_of
from neuroep.cost.reuse import Access
from neuroep.cost.traces import backprop_step, published_ep
from neuroep.errors import BadInput


def names(letter: str, *shape: int) -> list[str]:
    return [letter + ",".join(map(str, place)) for place in product(*map(range, shape))]


def sums_of_products(sums: dict[str, list[tuple[str, str]]]) -> list[Instruction]:
    """Return code that multiplies pair by pair and adds each product to the sum at once."""
    code = []
    for total, pairs in sums.items():
        code.append(Instruction(pairs[0], (total,)))
        for pair in pairs[1:]:
            code += [Instruction(pair, ("product",)), Instruction((total, "product"), (total,))]
    return code


def matvec(n: int) -> Program:
    sums = {f"y{i}": [(f"A{i},{j}", f"x{j}") for j in range(n)] for i in range(n)}
    return Program([names("A", n, n), names("x", n)], sums_of_products(sums), list(sums))


def vecmat(n: int) -> Program:
    sums = {f"y{j}": [(f"x{i}", f"A{i},{j}") for i in range(n)] for j in range(n)}
    return Program([names("A", n, n), names("x", n)], sums_of_products(sums), list(sums))


def matmul(n: int) -> Program:
    sums = {f"C{i},{j}": [(f"A{i},{k}", f"B{k},{j}") for k in range(n)] for i, j in product(range(n), range(n))}
    return Program([names("A", n, n), names("B", n, n)], sums_of_products(sums), list(sums))


ADD_THREE = Program([["a"], ["b"], ["c"]], [Instruction(("a", "b"), ("t",)), Instruction(("t", "c"), ("t",))], ["t"])
#: Python's sum begins with 0 + the first product, which reads that product.
DOT = Program(
    [["a0", "a1"], ["b0", "b1"]],
    [
        Instruction(("a0", "b0"), ("p",)),
        Instruction(("p",), ("s",)),
        Instruction(("a1", "b1"), ("p",)),
        Instruction(("s", "p"), ("s",)),
    ],
    ["s"],
)


@pytest.mark.parametrize(
    ("program", "published"),
    [
        (ADD_THREE, 6),
        (DOT, 12),
        *((matvec(n), cost) for n, cost in ((2, 26), (4, 157), (8, 896), (16, 5354))),
        *((matmul(n), cost) for n, cost in ((2, 57), (4, 720), (8, 8867), (16, 109_783))),
    ],
)
def test_published_costs(program: Program, published: int) -> None:
    assert byte_dmd(program) == published


def stack_of_bytes(program: Program, sizes: dict[str, int]) -> int:
    """Return the cost from a list of bytes, top first, by the rules as they are written."""
    versions = dict.fromkeys(chain(*program.arguments), 0)
    loaded = [(name, 0) for argument in reversed(program.arguments) for name in argument]
    steps = []
    for reads, writes in program.instructions:
        read = [(name, versions[name]) for name in reads]
        for name in writes:
            versions[name] = versions.get(name, -1) + 1
        steps.append((read, [(name, versions[name]) for name in writes]))
    kept = {(name, versions[name]) for name in program.results}

    def live(value: tuple[str, int], after: int) -> bool:
        return value in kept or any(value in read for read, _ in steps[after:])

    stack: list[tuple[str, int]] = []
    for value in loaded:
        stack = [value] * sizes[value[0]] + stack
    stack = [value for value in stack if live(value, 0)]
    total = 0
    for i, (read, written) in enumerate(steps):
        for value in read:
            total += sum(math.isqrt(d - 1) + 1 for d, byte in enumerate(stack, start=1) if byte == value)
        for value in [*dict.fromkeys(read), *written]:
            stack = [value] * sizes[value[0]] + [byte for byte in stack if byte != value]
        stack = [value for value in stack if live(value, i + 1)]
    return total


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, dict[str, int]]:
    flat = draw(st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True))
    cut = draw(st.integers(0, len(flat)))
    arguments, known, code = [flat[:cut], flat[cut:]], list(flat), []
    for _ in range(draw(st.integers(0, 25))):
        reads = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
        writes = draw(st.lists(st.sampled_from("abcdefgh"), max_size=2, unique=True))
        code.append(Instruction(tuple(reads), tuple(writes)))
        known = list(dict.fromkeys([*known, *writes]))
    results = draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
    return Program(arguments, code, results), {name: draw(st.integers(1, 9)) for name in "abcdefgh"}


@given(programs())
@settings(deadline=None)
def test_costs_are_those_of_a_stack_of_bytes(drawn: tuple[Program, dict[str, int]]) -> None:
    program, sizes = drawn
    assert byte_dmd(program, sizes) == stack_of_bytes(program, sizes)


def test_an_operand_named_twice_is_priced_twice_and_moves_once() -> None:
    # b lies under a: 2 + 2 for b, b, and a is then at 2
    program = Program([["a"], ["b"]], [Instruction(("b", "b")), Instruction(("a", "b"))])
    assert byte_dmd(program) == 2 + 2 + 2 + 1


def test_order_of_reading_changes_the_stack_and_not_the_cost() -> None:
    def cost(first: tuple[str, str]) -> tuple[int, int]:
        """Of the addition alone, and of a read of its first operand after it."""
        whole = Program([["a"], ["b"]], [Instruction(first), Instruction(("a",))], ["a", "b"])
        return byte_dmd(whole._replace(instructions=whole.instructions[:1])), byte_dmd(whole)

    assert cost(("a", "b")) == (3, 5)
    assert cost(("b", "a")) == (3, 4)


def test_the_dead_make_room() -> None:
    """c lies under a and b; once they were used for the last time it is alone."""
    use = [Instruction(("a", "b")), Instruction(("c",))]
    assert byte_dmd(Program([["a"], ["b"], ["c"]], use)) == 1 + 2 + 1
    assert byte_dmd(Program([["a"], ["b"], ["c"]], use, ["a", "b"])) == 1 + 2 + 2


def test_values_of_several_bytes() -> None:
    """A 2-byte value under a 3-byte one: depths 4 and 5 cost ⌈√4⌉ + ⌈√5⌉."""
    program = Program([["top"], ["under"]], [Instruction(("under",))], ["top"])
    assert byte_dmd(program, {"top": 3, "under": 2}) == 2 + 3


@given(st.integers(1, 10**6), st.integers(1, 10**6))
@settings(deadline=None)
def test_a_large_value_costs_its_plain_sum(above: int, size: int) -> None:
    """Whole roots are summed in whole numbers: depths with root m are those from (m − 1)² + 1 to m²."""
    program = Program([["top"], ["under"]], [Instruction(("under",))], ["top"])

    def plain(n: int) -> int:
        roots = range(1, math.isqrt(n) + 1)
        return sum(m * (2 * m - 1) for m in roots) + (math.isqrt(n) + 1) * (n - math.isqrt(n) ** 2)

    assert byte_dmd(program, {"top": above, "under": size}) == plain(above + size) - plain(above)


def test_a_trace_is_a_program_of_buffers() -> None:
    trace = [
        Access("write", "w", 2),
        Access("write", "x", 1),
        Access("read", "x", 1),
        Access("read", "w", 2),
        Access("write", "u", 3),
        Access("write", "s", 3),
        Access("read", "s", 3),
        Access("write", "w", 2),
    ]
    program, sizes = program_of(trace)
    assert program.arguments == [("w",), ("x",)]
    assert program.instructions == [Instruction(("x", "w"), ("u", "s")), Instruction(("s",), ("w",))]
    assert program.results == ["w"]
    assert sizes == {"w": 8, "x": 4, "u": 12, "s": 12}


@pytest.mark.parametrize("trace", [published_ep(2, 3), backprop_step((2, 4, 1)), backprop_step((3, 2, 2, 1))])
def test_a_step_costs_what_its_bytes_cost(trace: list[Access]) -> None:
    program, sizes = program_of(trace)
    assert byte_dmd(program, sizes) == stack_of_bytes(program, sizes)


@pytest.mark.parametrize(
    ("program", "sizes", "said"),
    [
        (Program([], [Instruction(("a",))]), 1, "'a' is read before it is written"),
        (Program([["a"]], [], ["b"]), 1, "'b' is read before it is written"),
        (Program([["a"]], []), {}, "no size of 'a'"),
        (Program([["a"]], []), {"a": 0}, "sizes.a"),
        (Program([["a"]], []), 0, "sizes"),
    ],
)
def test_impossible_programs(program: Program, sizes: int | dict[str, int], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        byte_dmd(program, sizes)


def test_a_buffer_accessed_in_part_is_no_value() -> None:
    with pytest.raises(BadInput, match="read of 1 floats of 'a'; allowed: all 2"):
        program_of([Access("write", "a", 2), Access("read", "a", 1)])
