"""Where images come from: each `data.source`, with its name for people, as in the model card."""

SOURCES = {
    "sample": "built-in sample",
    "path": "pictures",  # the name of the folder or archive says more, where it has one
    "gdrive": "pictures from Google Drive",
}
