"""What stands beside our kernels in benchmarks/kernels.py: peers, a bare extension, the machine's limits."""
