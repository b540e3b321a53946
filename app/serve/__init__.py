"""The web service: asked over HTTP, by the page in static/ or by programs."""
