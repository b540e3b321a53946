"""Sources of images: each choice of `data.source`, with its name for people in the model card.

`stages/download/sources.py` has the function that brings the images of each.
"""

SOURCES = {
    "sample": "built-in sample",
    "path": "pictures",  # the name of the folder or archive says more, where it has one
    "gdrive": "pictures from Google Drive",
}
