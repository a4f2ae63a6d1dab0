"""The version of this package, which is also known where it runs from a checkout that nobody installed."""

VERSION = "0.1.0"
