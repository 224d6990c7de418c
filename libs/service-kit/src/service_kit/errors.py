"""What may a handler raise, and what does the bus do then?"""

from datetime import timedelta


class RetryLater(Exception):
    """Outside trouble: deliver again later. `after` None takes the bus's own schedule."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unprocessable(Exception):
    """A message that can never work: dead letter at once."""
