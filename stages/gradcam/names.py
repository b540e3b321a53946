"""Names of the heat maps: of methods, of attention, and of the baselines without a model."""

from networks.cam import METHODS

ATTENTION = "attention"  # the weights of positions that the head itself has
RANDOM, CENTRE = "random", "centre"
WORDS = {name: method.words for name, method in METHODS.items()} | {
    ATTENTION: "attention",
    RANDOM: "random map",
    CENTRE: "centre blob",
}
