"""What a browser may do with our pages, and what makes other people's templates keep to it."""
