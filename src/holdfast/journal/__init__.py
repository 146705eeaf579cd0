"""Where journals are kept: one port, and the stores behind it."""

from __future__ import annotations
