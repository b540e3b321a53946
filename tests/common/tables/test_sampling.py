import numpy as np
import pandas as pd
import pytest

from common.errors import StageError
from common.tables.sampling import Sampling, read_sampling, write_sampling


def test_a_sampling_table_without_weights_is_refused(tmp_path):
    write_sampling(tmp_path / "s.parquet", Sampling.plain(3))
    sampling = read_sampling(tmp_path / "s.parquet")
    assert [column.tolist() for column in sampling] == [[0, 1, 2], [0, 0, 0], [1, 1, 1]]
    assert [column.dtype for column in sampling] == [np.int64, np.int64, np.float32]
    pd.DataFrame({"row": [0], "occurrence": [0]}).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(StageError, match="weight missing"):
        read_sampling(tmp_path / "s.parquet")
