class Polynomial:
    def __init__(self, *coefficients):
        """The constant term comes first."""
        self.coefficients = list(coefficients)

    def __call__(self, x):
        return sum(factor * x * power for power, factor in enumerate(self.coefficients))

    def derivative(self):
        return Polynomial(*(factor * power for power, factor in enumerate(self.coefficients) if power))

    def __eq__(self, other):
        return self.coefficients == other.coefficients
