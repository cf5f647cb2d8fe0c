"""Makes what builds the site importable: docs/ isn't a package."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS)]
