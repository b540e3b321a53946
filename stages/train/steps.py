"""Steps of training and of validation, with a loss that is reported without penalties."""

from collections.abc import Callable

import keras
import tensorflow as tf

# What a step is made of: inputs, one-hot labels and the weights of the samples in the loss.
Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
Step = Callable[[Batch], None]


class Trained(keras.Model):
    """A network while it is trained.

    Gradients are those of the loss and the penalties on weights together, as Keras has them. What
    is reported as `loss` and `val_loss` is the mean of weight times loss alone: with the penalties
    in it, validation would prefer small weights to right answers, and losses of different
    penalties could not be compared.
    """

    def prepared(self, inputs, labels, weights):
        """What a step of training makes of its batch first."""
        return inputs, labels, weights

    def train_on(self, batch: Batch) -> None:
        """A step of the optimizer; the metrics count what was before it."""
        inputs, labels, weights = self.prepared(*batch)
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            loss = self.loss(labels, outputs, sample_weight=weights)
            total = tf.add_n([loss, *self.losses])
            scaled = self.optimizer.scale_loss(total)
        gradients = tape.gradient(scaled, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self._count(loss, labels, outputs)

    def test_on(self, batch: Batch) -> None:
        """A step of validation."""
        inputs, labels, weights = batch
        outputs = self(inputs, training=False)
        self._count(self.loss(labels, outputs, sample_weight=weights), labels, outputs)

    def values_of(self, steps: Callable[[], None]) -> dict[str, float]:
        """Means of loss and metrics over all the steps that a call makes."""
        self.reset_metrics()
        steps()
        return {name: float(value) for name, value in self.get_metrics_result().items()}

    def _count(self, loss, labels, outputs):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(outputs)[0])
            else:
                metric.update_state(labels, outputs)


class TrainedHead(Trained):
    """A head while it is trained on maps of any float type."""

    def __init__(self, head: keras.Model):
        """Args:
        head: from `heads.build_head`.
        """
        super().__init__(name="trained_head")
        self.head = head

    def call(self, maps, training=False):
        """Maps `(batch, height, width, channels)` to probabilities."""
        return self.head(tf.cast(maps, tf.float32), training=training)
