"""The command `journeyman`."""


def main() -> None:
    """Run the command line."""
