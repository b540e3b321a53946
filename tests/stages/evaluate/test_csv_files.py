import pandas as pd

from stages.evaluate.csv_files import write_plot_data


def test_the_numbers_of_a_plot_have_six_decimals(tmp_path):
    write_plot_data(tmp_path / "p.csv", pd.DataFrame({"confidence": [2 / 3, 0.5]}))
    assert (tmp_path / "p.csv").read_text() == "confidence\n0.666667\n0.500000\n"
