"""Where things are. $REMUDA names the binary, as for the other tests."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REMUDA = Path(os.environ.get("REMUDA", ROOT / "build/plain/remuda")).resolve()
REMUDACTL = ROOT / "scripts/remudactl"
