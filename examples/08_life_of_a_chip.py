"""The life of a chip: backprop's weights on an RRAM array, a year of drift, and recovery by EP where it is.

    python examples/08_life_of_a_chip.py [FOLDER]

The array has about four states a device, and a device that was written is off by a quarter of its range. EP feels
these errors in its own free and nudged phases and works around them. `neuroep life digits-mlp -d rram-hfo2` does the
same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import neuroep
from neuroep.report.life_figure import write_life_figure
from neuroep.studies.life import lives


def main(folder: Path) -> None:
    """Live one life, print it, draw it."""
    model, device = neuroep.load_model("digits-mlp"), neuroep.load_device("rram-hfo2")
    found = lives(model, device, seeds=(0,), epochs=3, source="backprop", verify=False)
    (row,) = found["rows"]
    print(f"in software          {row['software']:.1%}")
    print(f"on the chip          {row['at_once']:.1%}")
    print(f"after a year         {row['aged'][-1]['accuracy']:.1%}")
    print(f"fine-tuned by EP     {row['fine_tuned'][-1]:.1%}")
    print(f"of the drop recovered  {row['recovered']:.0%}")
    write_life_figure(found, folder / "08_life_of_a_chip.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
