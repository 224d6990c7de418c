"""What is the stand-in told?"""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """As every service has it: the environment, overridden by what is passed."""

    model_config = SettingsConfigDict(env_prefix="STAND_IN_SERVICE_", frozen=True)

    nats_url: str
    http_port: int
    redis_url: str = ""
    fails_with: str = ""
    lingers: bool = False
