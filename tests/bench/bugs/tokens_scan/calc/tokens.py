def tokenize(text):
    tokens = []
    place = 0
    while place < len(text):
        letter = text[place]
        if letter.isspace():
            place += 1
        elif letter.isdigit():
            end = place
            while end < len(text) and text[end].isdigit():
                end += 1
            tokens.append(int(text[place:end + 1]))
            place = end
        else:
            tokens.append(letter)
            place += 1
    return tokens
