"""What the performers are to be measured against: simple answers, and others' methods as they were
described."""
