"""May this agent call this tool, and why?"""

from collections.abc import Mapping, Sequence

from fastapi import FastAPI

from tool_runner.domain.explain_call import Explanation, WhyQuestion, explained
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import ServerRules


def add_why_api(
    app: FastAPI, grants: Sequence[Grant], servers: Mapping[str, ServerRules], *, manifest_version: str
) -> None:
    """Add `POST /v1/why`: the decision that the pipeline would come to, from the manifest in force."""

    @app.post("/v1/why")
    async def why(question: WhyQuestion) -> Explanation:
        return explained(question, grants, servers, manifest_version=manifest_version)
