"""What the tests of ``soc`` share: the package ``reference``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
