"""Attention over feature maps, as blocks of standard Keras layers.

Each block takes maps `(batch, height, width, channels)`. All but `pool` return maps of the same
shape; `pool` returns vectors `(batch, channels)`. No custom layer classes: a saved model opens
with plain Keras. Weights that can be read back have a layer: `attention_weights` for positions
(spatial, cbam, gam, pool, mha), `channel_weights` for channels (se, cbam, gam).

With `identity` a block begins as if it were not there (`pool`: as the mean over positions), and
its gradients lead away from that: what scores, gates or adds has a kernel of zeros, gates are
doubled, since the sigmoid of zero is a half, and self-attention normalises what it reads instead
of its sum with the maps (Xiong et al. 2020, "On layer normalization in the transformer
architecture", figure 1b).
"""

from collections.abc import Callable

import keras
from keras import layers, ops

REDUCTION = 16  # channels over width of the bottleneck, as in the papers of se and cbam
# The paper of gam has 4, for narrow maps. At 1280 channels that is 40 million weights, this 5.
GAM_REDUCTION = 32
WINDOW = 7  # side of the convolutions that look at positions, as in the papers of cbam and gam
POOL_WIDTH = 128  # hidden units that score a position
HEADS = 4
KEY_WIDTH = 64  # per head


def none(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """The maps as they are."""
    return maps


def _initial(identity: bool) -> str:
    """The initializer of the kernel that makes weights or residues of hidden values."""
    return "zeros" if identity else "glorot_uniform"


def _gated(
    maps: keras.KerasTensor, weights: keras.KerasTensor, name: str, identity: bool
) -> keras.KerasTensor:
    """Maps times weights in (0, 1), or with `identity` times twice the weights."""
    gated = layers.Multiply(name=name)([maps, weights])
    return layers.Rescaling(2.0, name=f"{name}_doubled")(gated) if identity else gated


def se(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """Squeeze-and-excitation: one weight in (0, 1) per channel (Hu et al. 2018, eq. 2-4)."""
    channels = maps.shape[-1]
    squeezed = layers.GlobalAveragePooling2D(keepdims=True, name="se_squeeze")(maps)
    hidden = layers.Dense(max(8, channels // REDUCTION), "relu", name="se_reduce")(squeezed)
    weights = layers.Dense(
        channels, "sigmoid", kernel_initializer=_initial(identity), name="channel_weights"
    )(hidden)
    return _gated(maps, weights, "se_scale", identity)


def spatial(
    maps: keras.KerasTensor, identity: bool = False, prefix: str = "spatial"
) -> keras.KerasTensor:
    """One weight in (0, 1) per position: the spatial half of CBAM alone (Woo et al. 2018, eq. 3).

    M(F) = sigmoid(conv7x7([mean over channels; maximum over channels])).
    """
    planes = layers.Concatenate(name=f"{prefix}_planes")(
        [ops.mean(maps, axis=-1, keepdims=True), ops.max(maps, axis=-1, keepdims=True)]
    )
    weights = layers.Conv2D(
        1,
        WINDOW,
        padding="same",
        activation="sigmoid",
        use_bias=False,
        kernel_initializer=_initial(identity),
        name="attention_weights",
    )(planes)
    return _gated(maps, weights, f"{prefix}_positions", identity)


def cbam(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """Channel, then spatial attention (Woo et al. 2018, "CBAM", eq. 1-3)."""
    channels = maps.shape[-1]
    reduce = layers.Dense(max(8, channels // REDUCTION), "relu", name="cbam_reduce")
    expand = layers.Dense(channels, kernel_initializer=_initial(identity), name="cbam_expand")
    average = layers.GlobalAveragePooling2D(keepdims=True, name="cbam_average")(maps)
    largest = layers.GlobalMaxPooling2D(keepdims=True, name="cbam_largest")(maps)
    both = layers.Add(name="cbam_add")([expand(reduce(average)), expand(reduce(largest))])
    weights = layers.Activation("sigmoid", name="channel_weights")(both)
    maps = _gated(maps, weights, "cbam_channels", identity)
    return spatial(maps, identity, "cbam")


def gam(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """Channel, then spatial attention without any pooling: a weight per position and channel.

    Liu et al. 2021, "Global attention mechanism", eq. 1 and 2: F2 = Mc(F1) * F1 and
    F3 = Ms(F2) * F2. Mc is a sigmoid over two dense layers across the channels of each position
    (the paper permutes the channels to the end, where Keras has them); Ms is a sigmoid over two
    7 x 7 convolutions with a bottleneck between them.
    """
    channels = maps.shape[-1]
    width = max(8, channels // GAM_REDUCTION)
    hidden = layers.Dense(width, "relu", name="gam_reduce")(maps)
    gates = layers.Dense(
        channels, "sigmoid", kernel_initializer=_initial(identity), name="channel_weights"
    )(hidden)
    maps = _gated(maps, gates, "gam_channels", identity)
    hidden = layers.Conv2D(width, WINDOW, padding="same", activation="relu", name="gam_look")(maps)
    weights = layers.Conv2D(
        channels,
        WINDOW,
        padding="same",
        activation="sigmoid",
        kernel_initializer=_initial(identity),
        name="attention_weights",
    )(hidden)
    return _gated(maps, weights, "gam_positions", identity)


def pool(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """Gated attention pooling: positions are averaged with learned weights.

    Ilse et al. 2018, "Attention-based deep multiple instance learning", eq. 7 and 9; the
    positions are the instances.
    """
    height, width, channels = maps.shape[1:]
    positions = layers.Reshape((height * width, channels), name="pool_positions")(maps)
    content = layers.Dense(POOL_WIDTH, "tanh", name="pool_content")(positions)
    gate = layers.Dense(POOL_WIDTH, "sigmoid", name="pool_gate")(positions)
    scores = layers.Dense(
        1, use_bias=False, kernel_initializer=_initial(identity), name="pool_scores"
    )(layers.Multiply(name="pool_gated")([content, gate]))
    weights = layers.Softmax(axis=1, name="attention_weights")(scores)  # (batch, positions, 1)
    pooled = layers.Dot(axes=1, name="pool_sum")([weights, positions])  # (batch, 1, channels)
    return layers.Reshape((channels,), name="pool_vector")(pooled)


def mha(maps: keras.KerasTensor, identity: bool = False) -> keras.KerasTensor:
    """Multi-head self-attention between positions, with a residual and layer normalisation.

    Vaswani et al. 2017, "Attention is all you need", sections 3.2.2 and 3.1; no position codes,
    since the maps of a convolutional backbone with padding already carry position.
    """
    height, width, channels = maps.shape[1:]
    tokens = layers.Reshape((height * width, channels), name="mha_tokens")(maps)
    attention = layers.MultiHeadAttention(HEADS, KEY_WIDTH, dropout=0.1, name="attention_weights")
    norm = layers.LayerNormalization(epsilon=1e-6, name="mha_norm")
    add = layers.Add(name="mha_residual")
    if identity:
        read = norm(tokens)
        tokens = add([tokens, attention(read, read)])
        attention.output_dense.kernel.assign(ops.zeros_like(attention.output_dense.kernel))
    else:
        tokens = norm(add([tokens, attention(tokens, tokens)]))
    return layers.Reshape((height, width, channels), name="mha_maps")(tokens)


# The choices of model.attention.
ATTENTIONS: dict[str, Callable[[keras.KerasTensor, bool], keras.KerasTensor]] = {
    "none": none,
    "se": se,
    "spatial": spatial,
    "cbam": cbam,
    "gam": gam,
    "pool": pool,
    "mha": mha,
}
