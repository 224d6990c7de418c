"""What time is it? Passed in, so that tests can say."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
