"""Random requests made from the OpenAPI document: each answer of the real backend is one that the document tells of."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
ENDLESS = "/stream/dispositivos"
schemathesis.serializer.alias("image/x-portable-graymap", "application/octet-stream")


@pytest.fixture(scope="module")
def document(backend):
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{backend.port}/openapi.json").exclude(path=ENDLESS)


def operations(document):
    return [result.ok() for result in document.get_all_operations()]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_random_requests_get_documented_answers(document):
    """No 5xx, no HTML where JSON is promised, no status, media type or body that the document does not name."""
    tried = 0
    for operation in operations(document):

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def each(case):
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=CHECKS, timeout=10)

        each()
    assert tried > 60 * 10, "the document has too few operations, or hardly any request could be made"
