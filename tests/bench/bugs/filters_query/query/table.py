from query.filters import matches


class Table:
    def __init__(self, records):
        self.records = records

    def where(self, **wanted):
        return Table([record for record in self.records if matches(record, wanted)])

    def values(self, field):
        return [record[field] for record in self.records]

    def first(self):
        return self.records[0] if self.records else None
