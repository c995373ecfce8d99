from series.smooth import moving_average


def is_growing(values, window=2):
    smooth = moving_average(values, window)
    return all(one <= two for one, two in zip(smooth, smooth[1:]))
