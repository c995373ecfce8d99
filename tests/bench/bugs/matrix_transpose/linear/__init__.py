from linear.matrix import Matrix
