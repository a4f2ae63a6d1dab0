"""The words every room speaks: errors, tables, specs, artifacts, recipes, events.

Imports nothing but the standard library and pydantic, so that reading an artifact costs no numerical library.
"""
