"""Damaged files of every reader family: an error of ours or a right result, and nothing else."""
