"""Download of the source into data/raw: sample, folder, archive or Google Drive."""
