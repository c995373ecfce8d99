from notes.note import Note


class Book:
    def __init__(self):
        self.notes = []

    def write(self, text, *tags):
        note = Note(text)
        for name in tags:
            note.tag(name)
        self.notes.append(note)
        return note

    def tagged(self, name):
        return [note.text for note in self.notes if name in note.tags]
