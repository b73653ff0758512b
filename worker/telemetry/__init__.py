"""Telemetry: metrics for Prometheus and CloudWatch, and notifications for systemd."""
