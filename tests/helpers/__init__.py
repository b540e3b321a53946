"""What several tests share: small sets, stand-ins for servers, projects under DVC."""
