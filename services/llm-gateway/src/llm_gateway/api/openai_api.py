"""Which parts of the OpenAI API does the gateway answer? So far, the list of what can be asked for."""

from fastapi import FastAPI
from pydantic import BaseModel

from llm_gateway.domain.models import ModelTable


class ListedModel(BaseModel):
    """A profile, in the place where OpenAI lists a model."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "hil"


class ModelList(BaseModel):
    object: str = "list"
    data: list[ListedModel]


def add_openai_api(app: FastAPI, table: ModelTable) -> None:
    """`GET /v1/models`."""

    @app.get("/v1/models")
    async def list_models() -> ModelList:
        return ModelList(data=[ListedModel(id=name) for name in table.profiles])
