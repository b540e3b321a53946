"""Linear model on pooled vectors: multinomial logistic regression, its L2 by cross-validation."""

import warnings
from typing import NamedTuple

import numpy as np
import scipy.linalg
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from common.errors import StageError
from common.tables.sampling import Sampling
from networks.forward import traced

# From strong to weak, so that each solution is a near start for the next; half a power of ten is
# finer than the cross-validation can tell apart.
PATH = tuple(10.0 ** (half / 2) for half in range(4, -11, -1))
FOLDS = 5
WORSE = 3  # strengths in a row without a better loss, after which weaker ones are not tried
MAX_VECTORS = 50_000  # more are drawn from by seed: 260 MB at 1,280 channels
TOLERANCE = 1e-6  # of the loss between two steps, relative; float32 holds little more
ROUGH = 1e-3  # the same in cross-validation, which chose the same strengths with 1e-6
DEAD = 1e-2  # deviations below this share of the typical one count as it
RANK = 1e-7  # variance of a direction over the largest, below which float32 has only noise


class LinearModel(NamedTuple):
    """Scores `vectors @ kernel + bias`, of which the softmax are the probabilities.

    Attributes:
        kernel: float32 (channels, n_classes).
        bias: float32 (n_classes,).
        l2: the strength that was chosen: the loss is the weighted mean cross-entropy plus l2 / 2
            times the sum of the squared coefficients of the standardised vectors.
    """

    kernel: np.ndarray
    bias: np.ndarray
    l2: float

    def log_probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """float64 (n, n_classes) of float (n, channels)."""
        return log_softmax(vectors.astype(np.float64) @ self.kernel + self.bias, axis=1)


def row_weights(sampling: Sampling, label: np.ndarray) -> np.ndarray:
    """The share of each row in an epoch's loss: float64 (n,), adding up to 1.

    Args:
        sampling: the rows of an epoch; repeats and class weights both count.
        label: int (n,).
    """
    weights = np.bincount(sampling.rows, sampling.weights, minlength=len(label))
    return weights / weights.sum()


def fit_linear_model(
    vectors: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    weights: np.ndarray,
    n_classes: int,
    seed: int,
) -> LinearModel:
    """Fits a multinomial logistic regression on standardised vectors.

    Every view of an image is an example with its share of the image's weight. The strength of L2
    is that of lowest cross-entropy in a cross-validation on the plain views, folds stratified by
    class and never across a group of near copies; with fewer than two groups, the middle of PATH.

    Args:
        vectors: float (n, views, channels); may be memory-mapped.
        label: int (n,).
        group: int (n,), of near copies.
        weights: float (n,), of each image's loss, adding up to 1; 0 leaves it out.
        n_classes: at least 2.
        seed: of the folds, and of the images drawn where there are more than MAX_VECTORS.

    Raises:
        StageError: vectors that are not finite.
    """
    rows = np.flatnonzero(weights)
    limit = max(1, MAX_VECTORS // vectors.shape[1])
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
    vectors = np.asarray(vectors[rows], np.float32)
    label, group, weights = label[rows], group[rows], weights[rows]
    if not np.isfinite(vectors).all():
        raise StageError(
            "Expected pooled maps that are finite. Received: NaN or infinity in them. Rebuild them "
            "with `dvc repro -f -s extract`, or choose another model.weights."
        )
    mean, deviation = standardisation(vectors.reshape(-1, vectors.shape[-1]))
    examples = _Examples((vectors - mean) / deviation, label, weights, n_classes)
    held_out = _folds(label, group, seed)
    l2 = PATH[len(PATH) // 2] if held_out is None else _choose_l2(examples, weights, held_out)
    problem = _Problem(examples, weights[None])
    problem.solve(l2)
    kernel = problem.kernels[0] / deviation[:, None]
    bias = problem.biases[0] - mean @ kernel
    return LinearModel(kernel.astype(np.float32), bias.astype(np.float32), l2)


def standardisation(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel, float32 (channels,), of float (n, channels)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    deviation = vectors.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), without_dead_channels(deviation).astype(np.float32)


def without_dead_channels(deviation: np.ndarray) -> np.ndarray:
    """Deviations that can be divided by: those near zero count as DEAD of the typical one."""
    typical = np.sqrt(np.mean(np.square(deviation, dtype=np.float64)))
    return np.maximum(deviation, DEAD * typical if typical else 1.0)


def _folds(label: np.ndarray, group: np.ndarray, seed: int) -> np.ndarray | None:
    """Which images each fold holds out, bool (folds, n); None where none can be.

    As many folds as the rarest class has groups, from 2 to FOLDS.
    """
    groups = [len(np.unique(group[label == klass])) for klass in np.unique(label)]
    if max(groups) < 2:
        return None
    splitter = StratifiedGroupKFold(
        min(FOLDS, max(2, min(groups))), shuffle=True, random_state=seed
    )
    held_out = np.zeros((splitter.n_splits, len(label)), bool)
    with warnings.catch_warnings():
        # Of classes with fewer images than folds, which some folds cannot hold out.
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, rows) in enumerate(splitter.split(label, label, group)):
            held_out[fold, rows] = True
    held_out = held_out[held_out.any(axis=1) & ~held_out.all(axis=1)]
    return held_out if len(held_out) else None


def _choose_l2(examples: "_Examples", weights: np.ndarray, held_out: np.ndarray) -> float:
    """The strength of PATH with the lowest mean cross-entropy on what the folds hold out."""
    kept = np.where(held_out, 0.0, weights)
    problem = _Problem(examples, kept / kept.sum(axis=1, keepdims=True))
    rows = np.arange(len(weights))
    losses: list[float] = []
    for strength in PATH:
        problem.solve(strength, ROUGH)
        of_label = log_softmax(problem.plain_scores(), axis=2)[:, rows, examples.label]
        losses.append(-float(of_label[held_out].mean()))
        if len(losses) - 1 - int(np.argmin(losses)) >= WORSE:
            break
    return PATH[int(np.argmin(losses))]


class _Examples:
    """Standardised vectors along their principal axes, and their classes."""

    def __init__(self, vectors: np.ndarray, label: np.ndarray, weights: np.ndarray, n_classes: int):
        """Args:
        vectors: float32 (n, views, channels).
        label: int (n,).
        weights: float (n,), adding up to 1.
        n_classes: at least 2.
        """
        n, self.views, channels = vectors.shape
        self.label, self.n_classes = label, n_classes
        flat = vectors.reshape(n * self.views, channels)
        per_view = np.repeat(weights / self.views, self.views).astype(np.float32)
        self.axes, self.variances = principal_axes(flat, per_view)
        self.along_axes = tf.constant(flat @ self.axes)
        one_hot = np.eye(n_classes, dtype=np.float32)[np.repeat(label, self.views)]
        self.targets = tf.constant(one_hot)


class _Problem:
    """Logistic regressions on the same examples with different weights, solved together.

    L-BFGS (Nocedal & Wright 2006, algorithm 7.4, from SciPy) in coordinates where the curvature
    is about the same in all directions: the principal axes of the examples, each divided by the
    root of an upper bound of its curvature (Böhning 1992, "Multinomial logistic regression
    algorithm": the Hessian is at most half of the examples' second moments). That takes tens of
    steps where plain L-BFGS takes hundreds. The products are one for all problems.
    """

    def __init__(self, examples: _Examples, weights: np.ndarray):
        """Args:
        examples: of all problems.
        weights: float (problems, n), of each image, each row adding up to 1.
        """
        self.examples, self.n_problems = examples, len(weights)
        views = examples.views
        per_view = np.repeat(weights / views, views, axis=1).astype(np.float32)
        self._weights = tf.constant(per_view.T)
        self._gradients = traced(self._loss_and_gradients)
        self._width = self.n_problems * examples.n_classes
        self._coefficients = np.zeros((len(examples.variances), self._width), np.float32)
        self._bias = np.zeros(self._width, np.float32)

    @property
    def kernels(self) -> np.ndarray:
        """float32 (problems, channels, n_classes), for the examples as they were given."""
        kernels = self.examples.axes @ self._coefficients
        return kernels.reshape(-1, self.n_problems, self.examples.n_classes).transpose(1, 0, 2)

    @property
    def biases(self) -> np.ndarray:
        """float32 (problems, n_classes)."""
        return self._bias.reshape(self.n_problems, self.examples.n_classes)

    def plain_scores(self) -> np.ndarray:
        """Scores of the plain views: float64 (problems, n, n_classes)."""
        plain = self.examples.along_axes.numpy()[:: self.examples.views]
        scores = (plain @ self._coefficients + self._bias).astype(np.float64)
        return scores.reshape(len(plain), self.n_problems, -1).transpose(1, 0, 2)

    def solve(self, l2: float, tolerance: float = TOLERANCE) -> None:
        """Moves on from the solution so far to that with this strength."""
        scale = (1 / np.sqrt(0.5 * self.examples.variances + l2)).astype(np.float32)[:, None]
        size = self._coefficients.size

        def objective(unknowns: np.ndarray) -> tuple[float, np.ndarray]:
            unknowns = unknowns.astype(np.float32)
            coefficients = scale * unknowns[:size].reshape(-1, self._width)
            loss, by_coefficient, by_bias = self._gradients(coefficients, unknowns[size:])
            penalty = 0.5 * l2 * float(np.square(coefficients, dtype=np.float64).sum())
            slopes = scale * (by_coefficient.numpy() + l2 * coefficients)
            gradient = np.concatenate([slopes.ravel(), by_bias.numpy()]).astype(np.float64)
            return float(loss) + penalty, gradient

        start = np.concatenate([(self._coefficients / scale).ravel(), self._bias]).astype(float)
        options = {"maxiter": 500, "ftol": tolerance, "gtol": 1e-5}
        minimum = minimize(
            objective, start.astype(float), jac=True, method="L-BFGS-B", options=options
        )
        solution = minimum.x.astype(np.float32)
        self._coefficients = scale * solution[:size].reshape(-1, self._width)
        self._bias = solution[size:]

    def _loss_and_gradients(self, coefficients, bias):
        """The sum of the problems' losses without penalties, and its two gradients."""
        examples, targets = self.examples.along_axes, self.examples.targets
        shape = (-1, self.n_problems, self.examples.n_classes)
        scores = tf.reshape(examples @ coefficients + bias, shape)
        log_p = tf.nn.log_softmax(scores)
        targets, weights = targets[:, None, :], self._weights[:, :, None]
        loss = -tf.reduce_sum(log_p * targets * weights)
        residuals = tf.reshape((tf.exp(log_p) - targets) * weights, (-1, self._width))
        slopes = tf.matmul(examples, residuals, transpose_a=True)
        return loss, slopes, tf.reduce_sum(residuals, axis=0)


def principal_axes(examples: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions in which the examples vary, and how much.

    Args:
        examples: float32 (n, channels).
        weights: float32 (n,), adding up to 1.

    Returns:
        float32 (channels, rank), orthonormal columns, and float64 (rank,), the mean squares of
        the examples along them. A coefficient across all of them stays zero under any L2.
    """
    rooted = examples * np.sqrt(weights)[:, None]
    few = len(rooted) < rooted.shape[1]
    # One thread: with several, the order of the sums depends on how many cores there are.
    with threadpool_limits(1, "blas"):
        moments = rooted @ rooted.T if few else rooted.T @ rooted
        variances, vectors = scipy.linalg.eigh(moments.astype(np.float64), driver="evd")
    kept = variances > RANK * max(variances[-1], np.finfo(np.float32).tiny)
    if not kept.any():  # all examples are the same; TensorFlow ends at a product without terms
        return np.eye(rooted.shape[1], 1, dtype=np.float32), np.zeros(1)
    variances, axes = variances[kept], vectors[:, kept]
    if few:
        axes = rooted.T @ (axes / np.sqrt(variances))
    return axes.astype(np.float32), variances
