"""Shared by several tests: small sets, stand-ins for servers, projects under DVC."""
