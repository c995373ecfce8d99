from tables.reader import read_rows
