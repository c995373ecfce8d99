from dataclasses import dataclass, field


@dataclass
class Event:
    key: str
    time: int
    data: dict = field(default_factory=dict)
