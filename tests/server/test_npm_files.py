"""Files as apps with the npm client use them: Workflow 4 of the guide."""

from __future__ import annotations

import pytest

from nbconvex import Id
from tests.server.client_program import node_result

pytestmark = pytest.mark.node

StorageId = Id["_storage"]


@pytest.mark.case("guide/wf4_upload_flow")
def test_the_workflow_of_the_guide_with_the_npm_client(served, web) -> None:
    @served.backend.mutation(name="storage:generateUploadUrl")
    def generate_upload_url(ctx):
        return ctx.storage.generate_upload_url()

    @served.backend.mutation(name="storage:saveFile")
    def save_file(ctx, storageId: StorageId, filename: str, contentType: str):
        return ctx.db.insert("files", {"storageId": storageId, "filename": filename, "contentType": contentType})

    @served.backend.query(name="storage:getFileUrl")
    def get_file_url(ctx, storageId: StorageId):
        return ctx.storage.get_url(storageId)

    assert node_result(web, "files.mjs", served.url) == {
        "status": 200, "saved": "string", "contentType": "text/plain", "isWhole": True, "isSame": True,
    }  # fmt: skip
