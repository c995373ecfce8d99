"""From the installation's settings to what the model gateway needs."""

from bot.config import Settings
from workers.models.router import ModelSettings


def model_settings(settings: Settings) -> ModelSettings:
    """Return what the model gateway needs of the settings."""

    def value(name: str) -> str:
        secret = getattr(settings, name)
        return secret.get_secret_value() if secret is not None else ""

    return ModelSettings(
        url=settings.model_url,
        api=settings.model_api,
        name=settings.model,
        api_key=value("model_api_key"),
        openai_key=value("openai_api_key"),
        anthropic_key=value("anthropic_api_key"),
    )
