from weather.units import to_celsius


def warmest(readings):
    """readings: station -> list of Fahrenheit values. Return (station, Celsius) of the warmest."""
    station = max(readings, key=lambda name: max(readings[name]))
    return station, round(to_celsius(max(readings[station])), 1)
