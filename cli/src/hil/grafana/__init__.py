"""Grafana dashboards as code, built from the metrics that the services expose."""
