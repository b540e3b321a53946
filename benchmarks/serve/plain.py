"""Plain server for comparison: a FastAPI handler around `model.predict`.

    uvicorn benchmarks.serve.plain:app

Decoding, resizing and the model are those of app/, so that both do the same work.
"""

import os
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI, File

from common.images import load_pixels
from networks.classifier import load_classifier

classifier = load_classifier(Path(os.environ.get("MODELS", "models")) / "classifier")
app = FastAPI()


@app.get("/readyz")
def ready() -> dict:
    """Says that the model is loaded."""
    return {"ready": True}


@app.post("/v1/predict")
def predict(file: Annotated[bytes, File()]) -> dict:
    """The probabilities of one image; FastAPI runs this in one of its 40 threads."""
    pixels = load_pixels(file, classifier.preprocessing)
    (probabilities,) = classifier.model.predict(np.asarray(pixels, np.float32)[None], verbose=0)
    return dict(zip(classifier.class_names, map(float, probabilities), strict=True))
