"""Fixtures of the tests that look at the page of the service in Chromium."""

import pytest


@pytest.fixture(scope="module")
def server(whole_run):
    """The service, on a real port."""
    from tests.helpers.page_server import Service  # TensorFlow, which other tests do without

    service = Service(whole_run)
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def browser():
    from tests.helpers.page_server import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def page(browser, server):
    """The page of the service, opened."""
    from tests.helpers.page_server import visit

    with visit(browser, server.url) as opened:
        yield opened
