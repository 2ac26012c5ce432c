"""Tools for testing what stands on biomech-xr: services that behave like the real ones and fail on demand.

Nothing in here is needed to read, write or process data, and nothing in the library imports it.
"""
