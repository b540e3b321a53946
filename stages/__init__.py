"""The stages of dvc.yaml, a package each; none imports another."""
