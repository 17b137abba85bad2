"""One typical workspace for all tests that only read it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from personalab_core.jobs import WorkspaceRef
from personalab_core.views.history import PersonaHistory
from personalab_core.views.workspace import Workspace
from tests.support.workspace_builder import typical_workspace


@pytest.fixture(scope="session")
def typical(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, PersonaHistory]:
    root = tmp_path_factory.mktemp("typical")
    typical_workspace(root)
    space = Workspace.open(WorkspaceRef(folder=str(root), profile="simulated"))
    return {history.id: history for history in space.histories()}
