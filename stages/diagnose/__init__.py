"""Diagnosis of the data: mistakes, unsure hits, likely label errors, embeddings in a plane."""
