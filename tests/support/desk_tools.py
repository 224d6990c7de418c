"""Which tool passes a customer on to a person?"""


def transfer() -> dict[str, bool]:
    """Ask for a human agent."""
    return {"transferred": True}
