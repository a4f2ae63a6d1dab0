"""Proof that a graph is still its source: parity, self-consistency, attested precision, goldens. Free of torch."""

from gantools.verify.report import GraphReport, VerifyReport, verify

__all__ = ["GraphReport", "VerifyReport", "verify"]
