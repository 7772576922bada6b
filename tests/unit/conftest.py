# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests have no deadline for a single example: a busy machine is no failure. What pytest allows a test holds."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
