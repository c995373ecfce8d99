class Book:
    def __init__(self, entries=()):
        self.entries = list(entries)

    def balance(self, account):
        total = 0
        for entry in self.entries:
            if entry.account == account:
                total += entry.debit
                total += entry.credit
        return total

    def is_balanced(self):
        return sum(entry.debit for entry in self.entries) == sum(entry.credit for entry in self.entries)
