from billing.terms import due_date, is_late


class Invoice:
    def __init__(self, issued, amount):
        self.issued = issued
        self.amount = amount
        self.paid = 0

    def due(self):
        return due_date(self.issued)

    def state(self, today):
        if self.paid >= self.amount:
            return "paid"
        return "late" if is_late(self.issued, today) else "open"
