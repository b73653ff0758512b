"""What a worker reports: metrics for Prometheus and CloudWatch, and its state for systemd."""
