"""Publishes an ML team's Git and DVC history as its model registry and experiment dashboard."""

__version__ = "0.1.0"
