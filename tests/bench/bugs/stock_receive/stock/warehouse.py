class Warehouse:
    def __init__(self):
        self.levels = {}

    def receive(self, sku, quantity):
        self.levels.setdefault(sku, 0)
        self.levels[sku] = quantity
        return self.levels[sku]

    def ship(self, sku, quantity):
        if self.levels.get(sku, 0) < quantity:
            return False
        self.levels[sku] -= quantity
        return True

    def total(self):
        return sum(self.levels.values())
