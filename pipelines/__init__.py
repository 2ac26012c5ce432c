"""Applications on Dask. Run them with ``python -m pipelines.NAME CONFIG.yaml key=value``."""
