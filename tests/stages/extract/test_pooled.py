"""Pooled maps and their moments, by hand."""

import numpy as np

from stages.extract.pooled import PooledMaps


def test_means_over_positions_and_their_moments(tmp_path):
    maps = np.zeros((3, 2, 1, 2, 2), np.float16)  # images, views, height, width, channels
    maps[..., 0] = np.array([[1, 1], [2, 4], [5, 5]])[..., None, None]
    maps[:, :, 0, 0, 1] = 8  # and 0 at the other position
    pooled = PooledMaps(tmp_path / "pooled.npy", 3, 2, 2)
    for start, stop in ((0, 2), (2, 3)):
        pooled.add(start, maps[start:stop])
    pooled.close()
    vectors = np.load(tmp_path / "pooled.npy")
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors[..., 0], [[1, 1], [2, 4], [5, 5]])
    np.testing.assert_array_equal(vectors[..., 1], 4)
    # 1, 1, 2, 4, 5, 5: mean 3, squares of the differences 4, 4, 1, 1, 4, 4.
    np.testing.assert_allclose(pooled.moments, [[3, 4], [np.sqrt(3), 0]], rtol=1e-6)
