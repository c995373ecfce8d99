from shop.prices import discounted, with_tax


class Cart:
    def __init__(self, tax=0.2):
        self.tax = tax
        self.lines = []

    def add(self, name, price, quantity=1, percent=0):
        self.lines.append((name, price, quantity, percent))

    def total(self):
        net = sum(discounted(price, percent) * quantity for _, price, quantity, percent in self.lines)
        return with_tax(net, self.tax)
