"""With which command does the node behind the stand-in for Kubernetes run the container of a pod?

Two nodes, since each lacks something: bubblewrap is everywhere and no gVisor; runsc is gVisor and not everywhere. Both
take mounts, disks, user and memory from the manifest; the missing network stands for the policy."""

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from tool_runner.adapters.sandbox.recipe import bubblewrap

Body = dict[str, Any]
Node = Callable[[Path, Body, Path], list[str]]
"""Of an image, a pod's spec and the folder of its secret."""
_LINKS = {"lib": "usr/lib", "lib64": "usr/lib64"}


def bubblewrapped(image: Path, spec: Body, folder: Path, *, leave_out: Collection[str] = ()) -> list[str]:
    """`leave_out` names what the cluster does not do as it was told."""
    [container] = spec["containers"]
    box = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--setenv", "PATH", "/usr/bin"]
    box += ["--uid", str(spec["securityContext"]["runAsUser"]), "--hostname", spec["hostname"]]
    box += ["--ro-bind", str(image / "usr"), "/usr", "--dev", "/dev"]
    for link, target in _LINKS.items():
        box += ["--symlink", target, f"/{link}"]
    for at, size in _disks(spec):
        box += ["--ro-bind", str(folder), at] if size is None else ["--size", size, "--tmpfs", at]
    box += ["--share-net"] if "policy" in leave_out else []
    box += ["--dir", "/var/run/secrets"] if "token" in leave_out else []
    box += [] if "root" in leave_out else ["--remount-ro", "/"]
    limited = ["prlimit", f"--as={container['resources']['limits']['memory']}", str(bubblewrap())]
    return [*limited, *box, "--chdir", container["workingDir"], "--", *container["command"]]


def gvisored(image: Path, spec: Body, folder: Path) -> list[str]:
    """runsc as a RuntimeClass would call it, with an OCI bundle as a kubelet would write it."""
    bundle = folder.with_name(f"{folder.name}-bundle")
    for place in ("usr", "dev", *(at.lstrip("/") for at, _ in _disks(spec))):
        (bundle / "root" / place).mkdir(parents=True)
    for link, target in _LINKS.items():
        (bundle / "root" / link).symlink_to(target)
    (bundle / "config.json").write_text(json.dumps(_specification(image, spec, folder)))
    how = ["--root", str(bundle / "state"), "--platform", "ptrace", "--network", "none", "--ignore-cgroups"]
    return ["runsc", *how, "run", "--bundle", str(bundle), folder.name]


def _specification(image: Path, spec: Body, folder: Path) -> Body:
    [container] = spec["containers"]
    secured, user, memory = container["securityContext"], spec["securityContext"], container["resources"]["limits"]
    bound = {"type": "bind", "options": ["rbind", "ro"]}
    mounts = [{"destination": "/usr", "source": str(image / "usr"), **bound}]
    for at, size in _disks(spec):
        disk = {"type": "tmpfs", "source": "tmpfs", "options": [f"size={size}", "mode=0777"]}
        mounts.append({"destination": at, **({"source": str(folder), **bound} if size is None else disk)})
    return {
        "ociVersion": "1.0.0",
        "root": {"path": "root", "readonly": secured["readOnlyRootFilesystem"]},
        "hostname": spec["hostname"],
        "mounts": mounts,
        "process": {
            "user": {"uid": user["runAsUser"], "gid": user["runAsGroup"]},
            "args": container["command"],
            "env": ["PATH=/usr/bin"],
            "cwd": container["workingDir"],
            "noNewPrivileges": not secured["allowPrivilegeEscalation"],
            "capabilities": {},
            "rlimits": [{"type": "RLIMIT_AS", "soft": int(memory["memory"]), "hard": int(memory["memory"])}],
        },
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network")]},
    }


def _disks(spec: Body) -> Iterator[tuple[str, str | None]]:
    """Where each is mounted, and its size; None for the secret."""
    sizes = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume}
    [container] = spec["containers"]
    for mount in container["volumeMounts"]:
        yield mount["mountPath"], sizes.get(mount["name"])
