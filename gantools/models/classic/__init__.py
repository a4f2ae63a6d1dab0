"""Generators that are fitted in closed form instead of learned by descent."""
