"""Which parts, people and strides a loader uses, and what it knows of them before a signal is read."""
