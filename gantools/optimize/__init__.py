"""Make an artifact's graphs faster: ``passes`` change precision, ``targets`` compile, ``optimize`` proves it."""

from gantools.optimize.plan import Plan, plan_from

__all__ = ["Plan", "plan_from"]
