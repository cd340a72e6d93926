"""Starts a Python function. What it does is in the package beside it; this file is compiled anew at every start."""

import sys

sys.path[0] = sys.path[0] if sys.path[0].endswith("/python") else __file__.rpartition("/")[0]
from moln_runtime import loop, redirect  # noqa: E402

del sys.path[0]
redirect.watch()
loop.main()
