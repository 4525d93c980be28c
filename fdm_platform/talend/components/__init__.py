"""One module a family of components: each turns a Component into a Converted."""
