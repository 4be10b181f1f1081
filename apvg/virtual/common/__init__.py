"""What all virtual musicians share: composing, playing, recording, and making corpora of takes."""
