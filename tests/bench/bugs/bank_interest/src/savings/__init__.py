from savings.interest import compound, yearly_table
