"""From notes to poses."""
