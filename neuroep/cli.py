"""The command line: thin. Exit status 0 done, 1 failed, 2 bad input, 130 stopped by Ctrl-C, 143 by SIGTERM."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from neuroep.commands import (
    ablate,
    bench,
    check,
    cite,
    completion,
    continual,
    cost,
    data,
    device,
    exchange,
    info,
    life,
    listing,
    parity,
    report,
    run,
    settle,
)
from neuroep.commands.stopping import report as report_stop
from neuroep.commands.stopping import stops
from neuroep.commands.streams import drop_output, prepare, tell
from neuroep.errors import BadInput, NeuroepError, Remark, UnknownName, shortened

FAILED, BAD_INPUT = 1, 2
#: What to try first, and what it does.
FIRST_STEPS = (
    ("neuroep run digits-mlp --device ecram", "train by EP as a chip would, beside ideal EP and backprop"),
    ("neuroep devices ecram", "a chip in numbers, with units and sources"),
    ("neuroep cost digits-mlp --device ecram loihi1", "energy, time and memory traffic, without training"),
    ("neuroep check digits-mlp --device ecram", "EP's gradient beside backprop's, and what to change"),
    ("neuroep --help", "all commands; each has a --help with an example of its own"),
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one line, as every other bad input, with the nearest right name.

    Parameters
    ----------
    example : str
        A command line that works; help opens with it.
    settings
        Of argparse's own parser.
    """

    def __init__(self, *, example: str, **settings: Any) -> None:
        # a shortened option would change its meaning, or stop working, when another option is added
        super().__init__(allow_abbrev=False, **settings)
        self.example = example

    def format_help(self) -> str:
        """Return the help text, the example first."""
        return f"example: {self.example}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        raise BadInput(message.replace("\n", " "), self._where, f"see {self.prog} --help")

    @property
    def _where(self) -> str:
        return self.prog.removeprefix("neuroep").strip()

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # as a path it would be the current folder, as a name often "all" or "none"
        if not arg_string.strip() and action.nargs != argparse.PARSER:
            name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
            raise BadInput("empty text", f"{self._where}: {name}".removeprefix(": "), f"see {self.prog} --help")
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            if action.option_strings:
                allowed = ", ".join(map(str, action.choices))
                raise BadInput(repr(value), f"{self._where}: {action.option_strings[0]}".removeprefix(": "), allowed)
            raise UnknownName("command", str(value), action.choices, self._where)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what isn't known: each command's parser sees its own leftovers here."""
        found, extra = super().parse_known_args(args, namespace)
        if extra and extra[0].startswith("-"):
            options = (name for action in self._actions for name in action.option_strings if name.startswith("--"))
            raise UnknownName("option", extra[0].partition("=")[0], options, self._where)
        if extra:
            raise BadInput(f"one argument too many, {extra[0]!r}", self._where, f"see {self.prog} --help")
        return found, extra


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    import neuroep

    parser = _Parser(
        prog="neuroep",
        example=FIRST_STEPS[0][0],
        description="Train networks by Equilibrium Propagation as a given chip would, and tell what it costs.",
    )
    parser.add_argument("--version", action="version", version=f"neuroep {neuroep.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    parser.set_defaults(act=_first_steps)  # no command; a command has its own
    for module in (
        run,
        ablate,
        continual,
        life,
        listing,
        device,
        cost,
        parity,
        settle,
        check,
        exchange,
        bench,
        data,
        info,
        cite,
        report,
        completion,
    ):
        module.add(commands)
    return parser


def _first_steps(_: argparse.Namespace) -> int:
    """Say what to try first."""
    widest = max(len(line) for line, _ in FIRST_STEPS)
    sys.stdout.write("".join(f"{line:<{widest}}  # {what}\n" for line, what in FIRST_STEPS))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    given = sys.argv[1:] if argv is None else argv
    if argv is None:
        prepare()
        try:
            os.getcwd()
        except OSError:
            tell("the folder that this was started in is gone: go to another one")
            return BAD_INPUT
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # what matters is said in a line of our own
            warnings.simplefilter("default", Remark)
            warnings.formatwarning = lambda message, *_, **__: f"neuroep: {message}\n"
    with stops(forever=argv is None):
        try:
            return _run(given)
        except KeyboardInterrupt as stop:
            return report_stop(stop, goes_on=list(given[:1]) in (["run"], ["ablate"]))


def script() -> NoReturn:
    """Run this process's command line and end it at once: freeing every object of torch and numba takes seconds."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _run(argv: Sequence[str]) -> int:
    try:
        options = build_parser().parse_args(argv)
        status: int = options.act(options)
        sys.stdout.flush()
    except NeuroepError as error:
        tell(str(error))
        return BAD_INPUT if isinstance(error, BadInput) else FAILED
    except BrokenPipeError:  # the reader of our output is gone (a pager, head): nothing is left to say
        drop_output()
        return FAILED
    except (OSError, UnicodeError, MemoryError, RecursionError) as error:
        drop_output()
        tell(shortened(_told(error)))
        return FAILED
    return status


def _told(error: Exception) -> str:
    """Say what the system refused, in words."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    return f"{type(error).__name__}: {error}"
