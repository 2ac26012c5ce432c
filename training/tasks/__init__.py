"""One file per task: which windows go in, which model, which losses, which scores."""
