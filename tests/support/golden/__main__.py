"""Writes the files of `tests/golden` anew, and removes those that nothing makes any more."""

from tests.support.golden import FOLDER, texts

made = texts()
for old in FOLDER.glob("*.txt"):
    if old.name not in made:
        old.unlink()
for name, text in made.items():
    (FOLDER / name).write_text(text, "utf-8")
