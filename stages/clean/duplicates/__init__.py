"""Exact and near copies: proposed by hashes, confirmed by alignment, the best kept."""
