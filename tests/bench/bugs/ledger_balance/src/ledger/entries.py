from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    account: str
    debit: float = 0
    credit: float = 0
