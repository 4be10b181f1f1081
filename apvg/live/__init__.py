"""Playing along: sound as it is made, pictures a moment later."""
