"""Blocks of neighboring strides: what one holds, read into memory that goes round, ahead of the steps."""
