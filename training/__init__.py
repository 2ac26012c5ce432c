"""Applications on torch: distributed training and honest evaluation. Run them with `torchrun -m training.train`."""
