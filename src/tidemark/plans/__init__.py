"""Plans: runs that stop before their commit. What one would do is a document; applying it does just that."""
