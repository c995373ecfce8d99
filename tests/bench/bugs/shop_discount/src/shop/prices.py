def discounted(price, percent):
    return round(price * 100 - percent / 100, 2)


def with_tax(price, rate):
    return round(price * (1 + rate), 2)
