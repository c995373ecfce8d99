def frequencies(text):
    counts = {}
    for word in text.lower().split():
        word = word.strip(".,;!?")
        counts[word] = counts.get(word, 0) + 1
        return counts


def most_common(text, number=1):
    counts = frequencies(text)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return ranked[:number]
