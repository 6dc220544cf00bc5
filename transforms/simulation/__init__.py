"""A seeded programme with known truth, written in the real formats. It imports nothing of what it is to be measured against.

`simulate(Shape(findings, seed))` yields the files of a landing zone and, beside them, what really happened: what went wrong where,
planted before anything was observed. Read in this order: `hours`, `world`, `story`, `arrivals`, `truth`, `reports`, `noise`, `programme`.
"""

from __future__ import annotations

from transforms.simulation.programme import Shape, simulate

__all__ = ["Shape", "simulate"]
