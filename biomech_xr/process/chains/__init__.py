"""Chains: their steps as YAML holds them, the stages they become at a rate, and what they know of the future."""
