class InsufficientFunds(Exception):
    """The account does not hold that much."""
