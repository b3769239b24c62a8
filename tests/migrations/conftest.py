"""The original program's database, and a backend that will start on it."""

from __future__ import annotations

import pytest

from tests.support.original import make_original


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "iot.db"
    make_original(path)
    return path


@pytest.fixture
def house(own_parts, original):
    """A backend that is not running yet, with the original's database in its folder."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.instance.mkdir(parents=True)
    backend.database.write_bytes(original.read_bytes())
    return backend
