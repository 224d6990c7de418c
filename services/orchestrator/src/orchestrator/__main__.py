"""python -m orchestrator: settings in, the service runs, clean shutdown."""

from orchestrator.app import serve
from orchestrator.settings import Settings
from service_kit.process import run_service


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    run_service(
        "orchestrator", lambda stop, ready: serve(settings, stop=stop, ready=ready), log_level=settings.log_level
    )


if __name__ == "__main__":
    main()
