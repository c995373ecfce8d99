def primes(limit):
    found = []
    for number in range(2, limit + 1):
        if any(number % prime > 0 for prime in found):
            found.append(number)
    return found
