"""`python -m neuroep`."""

import sys

from neuroep.cli import main

sys.exit(main())
