"""All strides of one trial: the unit of work."""
