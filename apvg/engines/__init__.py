"""What the stages run on."""
