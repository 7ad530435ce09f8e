"""The write modes: each prepares a batch in staging; `commit.py` alone commits to Delta."""
