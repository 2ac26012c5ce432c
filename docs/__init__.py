"""Documentation: Markdown pages, and the scripts that draw their figures."""
