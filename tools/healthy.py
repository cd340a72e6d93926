"""Exits with 0 when the Moln at the given URL answers its health check."""

import sys
import urllib.request

try:
    with urllib.request.urlopen(f"{sys.argv[1]}/_moln/health", timeout=2) as answer:
        sys.exit(answer.status != 200)
except OSError:
    sys.exit(1)
