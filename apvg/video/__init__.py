"""Pictures: frames out of any video by timestamp, and mp4 files with the music in them."""
