from dataclasses import dataclass


@dataclass
class Player:
    name: str
    points: int
    wins: int = 0
