"""The kill test: `python -m tests.chaos --seed 1 --seconds 60`."""
