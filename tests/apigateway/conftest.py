"""Fixtures of API Gateway's tests."""

import pytest

from harness.http_apis import api_maker, function_maker


@pytest.fixture(scope="session")
def apis(moln):
    return moln.client("apigatewayv2")


@pytest.fixture
def new_function(moln, name):
    return function_maker(moln, name)


@pytest.fixture
def new_api(moln, name):
    return api_maker(moln, name)


@pytest.fixture(scope="session")
def says(moln):
    """A function that answers what the body says, or the event."""
    return function_maker(moln, lambda stem: f"{stem}-says")()
