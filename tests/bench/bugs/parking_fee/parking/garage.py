class Garage:
    def __init__(self, capacity, hourly, maximum):
        self.capacity = capacity
        self.hourly = hourly
        self.maximum = maximum
        self.cars = {}

    def enter(self, plate, hour):
        if len(self.cars) >= self.capacity:
            return False
        self.cars[plate] = hour
        return True

    def leave(self, plate, hour):
        entered = self.cars.pop(plate)
        return self.fee(hour - entered)

    def fee(self, hours):
        return min(max(hours, 1) * self.hourly, self.capacity)
