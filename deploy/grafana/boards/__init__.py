"""One file for each dashboard."""

from deploy.grafana.boards import alerts, deployments, internals, latency, overview, spend

BOARDS = (overview.BOARD, spend.BOARD, deployments.BOARD, latency.BOARD, alerts.BOARD, internals.BOARD)
