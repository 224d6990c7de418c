"""Which tools does `hil bench tools` call? Functions that cost nothing, so that what is measured is the way to them."""


async def nothing(number: int) -> int:
    """Give the number back."""
    return number
