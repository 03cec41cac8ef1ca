"""``python -m agentlab``: the same as the command ``agentlab``."""

import sys

from agentlab.cli import main

sys.exit(main())
