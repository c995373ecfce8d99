class Desk:
    def lend(self, copy, member):
        if copy.borrower is not None:
            return False
        if len(member.loans) >= member.limit:
            return False
        copy.borrower = member
        member.loans.append(copy)
        return True

    def take_back(self, copy):
        member = copy.borrower
        if member is None:
            return False
        member.loans.remove(copy)
        return True
