"""Steps as functions on labelled arrays."""
