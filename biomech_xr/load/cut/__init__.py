"""Batches of windows cut out of blocks, by this machine's processor or on a device."""
