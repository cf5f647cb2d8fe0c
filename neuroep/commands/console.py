"""What people see: tables, progress on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuroep.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from neuroep.learning.trainer import Epoch
    from neuroep.studies.training import Job, Outcome


def console(stderr: bool = False) -> Console:
    """Return a console; off a terminal it never wraps lines."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if terminal else 200)


def show_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> None:
    """Print a table whose first `text` columns are words and the others numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for index, name in enumerate(header):
        table.add_column(Text(name), justify="left" if index < text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # as they are: a source may hold [brackets]
    shown = console()
    shown.print(Text(printable(title), style="bold"))
    shown.print(table)


def say(text: str = "") -> None:
    """Print a line, its brackets as they are."""
    console().print("\n".join(map(printable, text.split("\n"))), markup=False)


def show_json(value: Mapping[str, Any]) -> None:
    """Print one object and nothing else."""
    from neuroep.disk import plain

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=not utf8) + "\n")


class Reporter:
    """Follows a run on stderr: a bar on a terminal, else a line an epoch."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task: Any = None
        self._heading = ""

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def about(self, name: str) -> Reporter:
        """Name what the next trainings are of, and return itself."""
        self._heading = f"{name}: "
        return self

    def started(self, jobs: list[Job], epochs: Mapping[Job, int]) -> None:
        """See Listener."""
        if not sys.stderr.isatty():
            return
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        else:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(printable(f"{self._heading}starting"), total=sum(epochs.values()))

    def epoch(self, job: Job, epoch: Epoch, epochs: int) -> None:
        """See Listener."""
        name = f"{self._heading}{job.method} {job.device} seed {job.seed}"
        aside = "" if epoch.validation_accuracy is None else f"  validation {epoch.validation_accuracy:.2%}"
        figures = f"train {epoch.train_accuracy:.2%}  cost {epoch.train_cost:.4g}{aside}  {epoch.seconds:.2f} s"
        if self._bars is not None:
            self._bars.update(self._task, advance=1, description=printable(f"{name}: {figures}"))
        else:
            print(f"{printable(name)}  epoch {epoch.epoch + 1}/{epochs}  {figures}", file=sys.stderr, flush=True)

    def finished(self, outcome: Outcome) -> None:
        """See Listener."""
        job = outcome.job
        text = f"{self._heading}{job.method} {job.device} seed {job.seed}: test {outcome.test_accuracy:.2%}"
        if self._bars is not None:
            self._bars.console.print(printable(text), markup=False)
        else:
            print(printable(text), file=sys.stderr, flush=True)


def _bars() -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True))


def add_without(parser: argparse.ArgumentParser) -> None:
    """Add the option that frees hardware of effects."""
    parser.add_argument("--without", metavar="A,B", help="effects to switch off on hardware devices, as ir-drop")


def names_in(given: str | None) -> tuple[str, ...]:
    """Return the effects named in a list with commas, each once."""
    return () if given is None else tuple(dict.fromkeys(name.strip() for name in given.split(",")))


def without_note(names: Iterable[str]) -> str:
    """Return what a title says about effects that are off."""
    listed = ", ".join(names)
    return f", without {listed}" if listed else ""
