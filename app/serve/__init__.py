"""Web service around the trained model: an HTTP API for programs and a page for people."""
