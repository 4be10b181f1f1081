"""What instruments, skeletons, surfaces and cameras are: data and geometry, nothing that runs."""
