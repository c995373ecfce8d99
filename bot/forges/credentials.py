"""What a forge may be spoken to with, beside a plain token."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AppKey:
    """A GitHub App: its id (or client id) and its private key in PEM."""

    app: str
    pem: str = field(repr=False)
