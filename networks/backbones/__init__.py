"""Backbones: one family of networks a file (EfficientNet-Lite has three), behind `build`."""
