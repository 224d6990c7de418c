"""Which sandbox do the settings of the tool runner ask for?"""

from tool_runner.adapters.sandbox.kubernetes.cluster_api import CREDENTIALS, ClusterAddress
from tool_runner.adapters.sandbox.kubernetes.kubernetes_sandbox import ClusterOptions
from tool_runner.adapters.sandbox.kubernetes.pod_manifest import PodOptions
from tool_runner.adapters.sandbox.opened import SandboxOptions
from tool_runner.settings import Settings


def sandbox_options(settings: Settings) -> SandboxOptions:
    """The same for the service and for the command line."""
    return SandboxOptions(
        settings.sandbox_dir,
        tier_min=settings.sandbox_tier_min,
        slots=settings.sandbox_slots,
        warm=settings.sandbox_warm,
        uid_first=settings.sandbox_uid_first,
        packages=tuple(filter(None, (name.strip() for name in settings.sandbox_packages.split(",")))),
        backend=settings.sandbox_backend,
        cluster=ClusterOptions(
            ClusterAddress(
                settings.sandbox_kubernetes_url,
                settings.sandbox_kubernetes_namespace,
                settings.sandbox_kubernetes_credentials or CREDENTIALS,
            ),
            PodOptions(settings.sandbox_kubernetes_image, settings.sandbox_kubernetes_runtime_class),
        ),
    )
