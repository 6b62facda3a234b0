"""Lets the tests of streaming SQL, here and in tests/unit and tests/crash, share `streaming_kit`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
