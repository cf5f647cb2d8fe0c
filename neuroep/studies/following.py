"""How trainings are followed: a bar on a terminal or in a notebook, else a line an epoch on stderr."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from neuroep import checks
from neuroep.errors import printable
from neuroep.learning.trainer import Epoch
from neuroep.studies.run import Listener, Silent
from neuroep.studies.training import Job, Outcome

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

#: Seconds between two pictures of a bar in a notebook, each of which is a message to the browser.
PAUSE = 0.1


class Screen(Protocol):
    """Where progress is shown."""

    def start(self, text: str, total: int) -> None:
        """Begin to count to `total` epochs, also a second time."""
        ...

    def advance(self, name: str, place: str, figures: str) -> None:
        """Count an epoch of a training, `place` of its own epochs."""
        ...

    def tell(self, text: str) -> None:
        """Tell what a training came to."""
        ...

    def close(self) -> None:
        """Take away what was there for the time being."""
        ...


class Lines:
    """A line an epoch on stderr, for logs."""

    def start(self, text: str, total: int) -> None:
        """See Screen."""

    def advance(self, name: str, place: str, figures: str) -> None:
        """See Screen."""
        print(f"{printable(name)}  epoch {place}  {figures}", file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        """See Screen."""
        print(printable(text), file=sys.stderr, flush=True)

    def close(self) -> None:
        """See Screen."""


class Terminal:
    """A bar on stderr; what trainings came to stays above it."""

    def __init__(self) -> None:
        self._bars = _bars()
        self._bars.start()
        self._task: Any = None

    def start(self, text: str, total: int) -> None:
        """See Screen."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(printable(text), total=total)

    def advance(self, name: str, place: str, figures: str) -> None:
        """See Screen."""
        self._bars.update(self._task, advance=1, description=printable(f"{name}: {figures}"))

    def tell(self, text: str) -> None:
        """See Screen."""
        self._bars.console.print(printable(text), markup=False)

    def close(self) -> None:
        """See Screen."""
        self._bars.stop()


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True, highlight=False, emoji=False))


class Notebook:
    """One bar in the output of a cell, redrawn in its place by the notebook's own protocol and empty in the end.

    It needs no widgets: rich's bars want ipywidgets in a notebook, and print a line a picture without.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._done = self._total = 0
        self._drawn = -PAUSE

    def start(self, text: str, total: int) -> None:
        """See Screen."""
        self._done, self._total = 0, total
        self._draw(text)

    def advance(self, name: str, place: str, figures: str) -> None:
        """See Screen."""
        self._done += 1
        if time.monotonic() >= self._drawn + PAUSE:
            self._draw(f"{name}: {figures}")

    def tell(self, text: str) -> None:
        """Tell nothing: the result shows it, and lines would fill the notebook."""

    def close(self) -> None:
        """See Screen."""
        if self._handle is not None:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)

    def _draw(self, text: str) -> None:
        shown, share = escape(printable(text)), f"{self._done}/{self._total}"
        bar = f'<progress value="{self._done}" max="{self._total}" aria-label="epochs"></progress>'
        picture = {"text/plain": f"{share}  {printable(text)}", "text/html": f"<div>{bar} {share} {shown}</div>"}
        if self._handle is None:
            display = importlib.import_module("IPython.display").display
            self._handle = display(picture, raw=True, display_id=True)
        else:
            self._handle.update(picture, raw=True)
        self._drawn = time.monotonic()


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; IPython isn't imported for that."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _screen() -> Screen:
    if in_notebook():
        return Notebook()
    return Terminal() if sys.stderr.isatty() else Lines()


class Reporter:
    """Follows the trainings of a study, of which it is told as a Listener, until its block is left."""

    def __init__(self) -> None:
        self._shown: Screen | None = None
        self._heading = ""

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.close()

    @property
    def _screen(self) -> Screen:
        """What is there to be shown on, from when there is something to show."""
        if self._shown is None:
            self._shown = _screen()
        return self._shown

    def about(self, name: str) -> Reporter:
        """Name what the next trainings are of, and return itself."""
        self._heading = f"{name}: " if name else ""
        return self

    def started(self, jobs: list[Job], epochs: Mapping[Job, int]) -> None:
        """See Listener."""
        self._screen.start(f"{self._heading}starting", sum(epochs.values()))

    def epoch(self, job: Job, epoch: Epoch, epochs: int) -> None:
        """See Listener."""
        aside = "" if epoch.validation_accuracy is None else f"  validation {epoch.validation_accuracy:.2%}"
        figures = f"train {epoch.train_accuracy:.2%}  cost {epoch.train_cost:.4g}{aside}  {epoch.seconds:.2f} s"
        self._screen.advance(self._name(job), f"{epoch.epoch + 1}/{epochs}", figures)

    def finished(self, outcome: Outcome) -> None:
        """See Listener."""
        self._screen.tell(f"{self._name(outcome.job)}: test {outcome.test_accuracy:.2%}")

    def _name(self, job: Job) -> str:
        return f"{self._heading}{job.method} {job.device} seed {job.seed}"


@contextmanager
def following(progress: bool | None) -> Iterator[Callable[[str], Listener]]:
    """Yield who listens to trainings, by the name of what they are of.

    Parameters
    ----------
    progress : bool, optional
        Whether to show progress; in notebooks alone if left out.

    Raises
    ------
    BadInput
        If it is something else.
    """
    if in_notebook() if progress is None else checks.flag(progress, "progress"):
        with Reporter() as reporter:
            yield reporter.about
    else:
        yield lambda _: Silent()
