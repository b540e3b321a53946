"""A step of training and of validation, with a loss that is reported without penalties."""

import keras
import tensorflow as tf


class Trained(keras.Model):
    """A network while it is trained, for batches of inputs, one-hot labels and weights.

    Gradients are those of the loss and the penalties on weights together, as Keras has them. What
    is reported as `loss` and `val_loss` is the mean of weight times loss alone: with the penalties
    in it, validation would prefer small weights to right answers, and losses of different
    penalties could not be compared.
    """

    def prepared(self, inputs, labels, weights):
        """What a step of training makes of its batch first."""
        return inputs, labels, weights

    def train_step(self, data):
        """A step of the optimizer; returns the mean values of the epoch so far."""
        inputs, labels, weights = self.prepared(*keras.utils.unpack_x_y_sample_weight(data))
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            loss = self.loss(labels, outputs, sample_weight=weights)
            total = tf.add_n([loss, *self.losses])
            scaled = self.optimizer.scale_loss(total)
        gradients = tape.gradient(scaled, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self._means(loss, labels, outputs, weights)

    def test_step(self, data):
        """A batch of validation; returns the mean values so far."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self(inputs, training=False)
        loss = self.loss(labels, outputs, sample_weight=weights)
        return self._means(loss, labels, outputs, weights)

    def _means(self, loss, labels, outputs, weights):
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        tracker.update_state(loss, sample_weight=tf.shape(outputs)[0])
        return self.compute_metrics(None, labels, outputs, sample_weight=weights)


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
