"""Balances the classes of train, on row numbers: no image is touched.

Reads:  --train, the training split
Writes: --sampling, row numbers with the number of their occurrence and their weight;
        --metrics; --plot
Params: seed, oversample
"""

from common import cli
from common.files import write_json
from common.params import read_params
from common.tables.dataset import Dataset
from common.tables.sampling import Sampling, write_sampling
from common.turns import occurrences
from stages.oversample import plots
from stages.oversample.methods import METHODS
from stages.oversample.summary import count_classes, metrics_of, summary_of


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "train", "sampling", "metrics", "plot")
    params = read_params(args.params)
    train = Dataset(args.train)
    name = params.oversample.method
    method = METHODS[name]
    rows = method.rows(train.label, params.oversample, params.seed)
    weights = method.class_weights(train.label, len(train.class_names))
    sampling = Sampling(rows, occurrences(rows), weights[train.label[rows]])
    write_sampling(args.sampling, sampling)
    counts = count_classes(train.label, rows, weights)
    plots.draw(args.plot, name, train.class_names, *method.bars(*counts))
    metrics = metrics_of(sampling, counts, train.class_names)
    write_json(args.metrics, metrics)
    cli.summary("oversample", summary_of(metrics, name))


if __name__ == "__main__":
    cli.run(main)
