"""Prediction: probabilities of val and test, embeddings of all images."""
