"""Families of backbones: one face, different names, and stages that never see them."""

import pytest

from networks.backbones.build import FAMILIES, backbone_names
from tests.test_pipeline import local_modules


def test_each_network_belongs_to_one_family():
    names = [name for family in FAMILIES for name in family.names]
    assert sorted(names) == backbone_names()
    assert len({name.replace("_", "") for name in names}) == len(names)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.names[0])
def test_every_family_builds_its_networks(family):
    size = (32, 32)
    network = family.build(family.names[0], size, "none")
    assert network.input_shape == (None, *size, 3)
    assert len(network.output_shape) == 4


@pytest.mark.parametrize("stage", ["gradcam", "inspect", "predict"])
def test_stages_that_open_a_model_do_not_import_the_families(stage):
    reached = {file.as_posix() for file in local_modules(stage)}
    assert not [path for path in reached if path.startswith("networks/backbones/")]
