def compound(principal, rate, years, per_year=1):
    """Return the balance after some years of compound interest."""
    periods = years * per_year
    return principal * (1 + rate / per_year) ** periods


def yearly_table(principal, rate, years):
    rows = []
    balance = principal
    for year in range(1, years + 1):
        interest = principal * rate
        balance += interest
        rows.append((year, round(interest, 2), round(balance, 2)))
    return rows
