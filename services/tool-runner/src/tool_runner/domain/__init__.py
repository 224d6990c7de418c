"""What should happen: which calls may run, what their outcomes mean."""
