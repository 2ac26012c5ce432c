"""The engine: stages over whole signals, many side by side, in compiled loops."""
