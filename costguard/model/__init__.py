"""The frozen nouns that every other part speaks in: evidence about resources, and findings about that evidence."""
