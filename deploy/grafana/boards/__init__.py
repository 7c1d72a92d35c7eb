"""The Grafana dashboards, described once: `description/` is rendered for each data source by `render`."""
