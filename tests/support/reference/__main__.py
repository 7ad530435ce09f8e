"""Writes the pages of `docs/reference` anew."""

from tests.support.reference import FOLDER, PAGES

for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), "utf-8")
