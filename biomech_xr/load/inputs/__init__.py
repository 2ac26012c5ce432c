"""What batches hold beside plain windows, by the options of a loader."""
