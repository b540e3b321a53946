from typing import get_args

from common.schema import Data
from common.sources import SOURCES
from stages.download.sources import FETCHERS


def test_every_source_has_a_function_and_a_name_for_people():
    choices = set(get_args(Data.model_fields["source"].annotation))
    assert set(FETCHERS) == set(SOURCES) == choices
