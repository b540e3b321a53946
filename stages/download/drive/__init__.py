"""Download from Google Drive: links, transfer, and what went wrong."""
