"""Where the published image sets may lie on this machine, and where they come from."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from neuroep.data.dataset import Dataset
from neuroep.data.files import OWN_LICENCE
from neuroep.data.generated import DIGITS_LICENCE, NO_LICENCE
from neuroep.data.idx import PARTS, find_parts, load_folder, missing_parts
from neuroep.errors import BadInput, MissingData, NotAvailable, UnknownName

VARIABLE = "NEUROEP_DATA"


@dataclass(frozen=True, slots=True)
class Home:
    """A published set of four IDX.gz files.

    Attributes
    ----------
    url : str
        Folder the files are fetched from.
    licence : str
        As its authors state it.
    torchvision : str
        Folder torchvision keeps it in.
    archives, contents : tuple of str
        SHA-256 of each published .gz file, and of what is in it, in the order of PARTS.
    system : tuple of Path
        Folders where an operating system's package puts it.
    """

    url: str
    licence: str
    torchvision: str
    archives: tuple[str, ...]
    contents: tuple[str, ...]
    system: tuple[Path, ...] = ()


HOMES = {
    "fashion-mnist": Home(
        url="https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        licence="MIT (Zalando SE)",
        torchvision="FashionMNIST/raw",
        archives=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        contents=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        system=(Path("/usr/share/datasets/fashion-mnist"),),
    ),
    "mnist": Home(
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
        torchvision="MNIST/raw",
        archives=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        contents=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}


class Available(NamedTuple):
    """One line of ``neuroep data``; `place` is empty where the set isn't on this machine."""

    name: str
    place: str
    inputs: int
    classes: int
    train: int
    test: int
    licence: str


def cache_folder(name: str) -> Path:
    """Return the folder that :func:`fetch` fills."""
    import pooch

    return Path(pooch.os_cache("neuroep")) / name


def places(name: str, folder: Path | None = None) -> list[Path]:
    """Return the folders searched for a published set, in order.

    Below a folder named by the user, and below $NEUROEP_DATA: a subfolder of the set's name, torchvision's layout,
    the folder itself. Then, if the user named none, the cache that ``neuroep data fetch`` fills and the system's.
    """
    home = HOMES[name]
    variable = os.environ.get(VARIABLE)
    roots = [folder] if folder is not None else [Path(os.path.expanduser(variable))] if variable else []
    below = [place for root in roots for place in (root / name, root / home.torchvision, root)]
    return below if folder is not None else [*below, cache_folder(name), *home.system]


def find(name: str, folder: Path | None = None) -> Path | None:
    """Return the first place that holds all of a set's files, or None."""
    return next((place for place in places(name, folder) if len(find_parts(place)) == len(PARTS)), None)


def _missing(name: str, folder: Path | None) -> MissingData:
    """Return the error for a set that isn't here whole: which files lack where, and what to do."""
    remedy = f"`neuroep data fetch {name}`, or ${VARIABLE} set to the folder that holds it"
    lacking = {place: missing_parts(place) for place in places(name, folder)}
    partial = [f"{place} lacks {', '.join(parts)}" for place, parts in lacking.items() if parts]
    if partial:
        return MissingData(f"{name} isn't complete: {'; '.join(partial)}", "data", remedy)
    looked = ", ".join(str(place) for place in places(name, folder))
    return MissingData(f"no files of {name} in any of: {looked}", "data", remedy)


def load_published(name: str, folder: Path | None = None) -> Dataset:
    """Load a published set from this machine, from the first place that holds it whole.

    Its source says so when the files aren't the published ones.

    Raises
    ------
    MissingData
        If it isn't here, or some of its files aren't.
    BadInput
        If its files are bad, or they are another published set's.
    """
    place = find(name, folder)
    if place is None:
        raise _missing(name, folder)
    dataset, digests = load_folder(name, place, HOMES[name].licence)
    if digests == HOMES[name].contents:
        return dataset
    for other, home in HOMES.items():
        if other != name and set(digests) & set(home.contents):
            raise BadInput(f"the files are those of {other}, not of {name}", str(place))
    return replace(dataset, source=f"{place} (not the published files)")


def load_own(folder: Path) -> Dataset:
    """Load the four IDX files of the user's own folder; a published set is recognised by its bytes.

    Raises
    ------
    BadInput
        If a file is missing or bad.
    """
    dataset, digests = load_folder(Path(os.path.realpath(folder)).name, folder, OWN_LICENCE)
    for name, home in HOMES.items():
        if digests == home.contents:
            return replace(dataset, name=name, licence=home.licence)
    return dataset


class _Bar:
    """What pooch wants of a progress bar, shown by rich on stderr."""

    def __init__(self, label: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True, force_jupyter=False))  # whose bars want ipywidgets
        self._task = self._progress.add_task(label, total=None)
        self.total = 0

    def update(self, count: int) -> None:
        self._progress.start()
        self._progress.update(self._task, total=self.total, advance=count)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.stop()


def fetch(name: str, folder: Path | str | None = None, progress: bool = True) -> Path:
    """Download a published set, checked against its published SHA-256; what is already there isn't fetched again.

    Parameters
    ----------
    name : str
        ``fashion-mnist`` or ``mnist``.
    folder : path, optional
        Where to put it: the files go to a subfolder of the set's name. By default the user's cache.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Path
        The folder with the four files.

    Raises
    ------
    BadInput
        If no published set has that name, or the folder can't be written.
    NotAvailable
        If the download fails, or what came isn't what was published.
    """
    if name not in HOMES:
        raise UnknownName("data set to fetch", name, HOMES, "neuroep data fetch")
    target = cache_folder(name) if folder is None else Path(folder).expanduser() / name
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"can't be made ({error.strerror or error})", str(target), "a folder to write to") from error
    for part, sha256 in zip(PARTS, HOMES[name].archives, strict=True):
        _fetch_one(HOMES[name].url, f"{part}.gz", sha256, target, progress)
    return target


def _fetch_one(url: str, file: str, sha256: str, target: Path, progress: bool) -> None:
    """Fetch one file; pooch writes to a temporary file and moves it once its hash is right."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    bar = _Bar(file) if progress else None
    downloader = pooch.HTTPDownloader(progressbar=bar if bar is not None else False)
    try:
        pooch.retrieve(url + file, f"sha256:{sha256}", fname=file, path=target, downloader=downloader)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
        reason = str(error).splitlines()[0]
        remedy = f"try again, or put the file into {target} yourself"
        raise NotAvailable(f"{url}{file} could not be fetched: {reason}; {remedy}") from error
    finally:
        if bar is not None:
            bar.close()


def describe() -> list[Available]:
    """Return what there is: every named data set, its place on this machine, its size and licence."""
    rows = [
        Available("digits", "in the package", 64, 10, 1437, 360, DIGITS_LICENCE),
        Available("xor", "generated", 2, 2, 4, 4, NO_LICENCE),
        Available("parity", "generated", 20, 2, 500, 200, NO_LICENCE),
    ]
    for name, home in HOMES.items():
        place = find(name)
        rows.append(Available(name, str(place) if place else "", 784, 10, 60000, 10000, home.licence))
    return rows
