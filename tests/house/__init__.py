"""Tests about the tree itself: its code, its documents, its commands, its packaging."""
