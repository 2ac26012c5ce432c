"""One architecture per file; a model knows nothing of files, ranks or optimizers."""
