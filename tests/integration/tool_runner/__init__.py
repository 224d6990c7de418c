"""The tool runner on real servers."""
