from dataclasses import dataclass


@dataclass
class Item:
    name: str
    level: int
    minimum: int
    batch: int
