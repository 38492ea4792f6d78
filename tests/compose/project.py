"""A Docker Compose project of this repository under a name of its own, as an operator would run it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.stack.containers import why_not
from local.stack.paths import REPOSITORY
from services import API, SERVICES

UP_SECONDS = 300
COMMAND_SECONDS = 120
POLL_SECONDS = 0.5
NEEDS = ("kafka", "mongo")
FRONT = {SERVICES.door.name: "8080", API: "8081"}
"""Its ports, by the service behind each."""


def why_not_here() -> str | None:
    """Why Compose cannot be tested here; None if it can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    said = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if said.returncode:
        return "Docker has no Compose plug-in"
    return next((why for which in NEEDS if (why := why_not(which))), None)


@dataclass
class Project:
    """`environment`: the variables of .env.example. No .env of the repository's is read."""

    name: str
    environment: Mapping[str, str]
    files: Sequence[str] = ("docker-compose.yml",)
    probe: str = field(init=False)

    def __post_init__(self) -> None:
        self.probe = f"{self.name}-probe"

    def compose(self, *words: str, timeout_s: float = COMMAND_SECONDS, check: bool = True, stdin: str = "") -> str:
        """`docker compose <words>`; gives its standard output, and raises with all that it said when it fails."""
        files = [word for file in self.files for word in ("-f", str(REPOSITORY / file))]
        command = ["docker", "compose", "-p", self.name, "--env-file", os.devnull, *files, *words]
        return self._run(command, timeout_s=timeout_s, check=check, stdin=stdin)

    def docker(self, *words: str, check: bool = True, stdin: str = "") -> str:
        """`docker <words>`."""
        return self._run(["docker", *words], timeout_s=COMMAND_SECONDS, check=check, stdin=stdin)

    def returned(self, *command: str) -> int:
        """The exit code of a command that may fail."""
        return subprocess.run(command, capture_output=True, check=False, timeout=COMMAND_SECONDS).returncode

    def _run(self, command: Sequence[str], *, timeout_s: float, check: bool, stdin: str) -> str:
        ran = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and ran.returncode:
            raise AssertionError(f"{' '.join(command[:12])}... ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        return ran.stdout if check else ran.stdout + ran.stderr

    def up(self, *words: str) -> None:
        """The one command of the documentation."""
        self.compose("up", "-d", "--wait", *words, timeout_s=UP_SECONDS)

    def set_up(self, *words: str) -> str:
        """What set-up says when it runs once more."""
        return self.compose("run", "--rm", "-T", "--no-deps", *words, "setup", check=False)

    def down(self) -> None:
        """Everything goes, data and secrets too."""
        self.docker("rm", "-f", self.probe, check=False)
        self.compose("--profile", "*", "down", "-v", "-t", "5", "--remove-orphans", timeout_s=UP_SECONDS, check=False)

    def secret(self, name: str) -> dict[str, str]:
        """What the owner of a name connects with."""
        said = self.compose("run", "--rm", "-T", "--no-deps", "secrets", "show", name)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def start_probe(self) -> None:
        """A container inside the network that idles, for programs of tests; no secret is in it."""
        self.compose(
            *("run", "-d", "--no-deps", "--name", self.probe, "-e", "GUANXI_SECRETS_DIR=", "-v", "/run/secrets/guanxi"),
            *("--entrypoint", "sleep", "cli", "3600"),
        )

    def python(self, program: str, arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Any:
        """Runs a program in the probe, which finds its arguments in `A`; gives the JSON that it prints last."""
        env = [word for name, value in (environment or {}).items() for word in ("-e", f"{name}={value}")]
        said = self.docker(
            *("exec", "-i", *env, self.probe, "python", "-"),
            stdin=f"import json\nA = json.loads({json.dumps(json.dumps(arguments))})\n{program}",
        )
        return json.loads(said.splitlines()[-1])

    def containers(self, service: str) -> list[str]:
        """Ids of a service's containers, one-shot ones that have ended too."""
        return self.compose("ps", "-a", "-q", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What Docker says of a service's first container."""
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", self.containers(service)[0]))
        return found[0]

    def health(self, service: str) -> str:
        """healthy, unhealthy or starting."""
        status: str = self.inspect(service)["State"]["Health"]["Status"]
        return status

    def door(self) -> str:
        """Where the HTTP door is published."""
        return self.published(SERVICES.door.name)

    def published(self, service: str) -> str:
        """Where the front passes on to a service: the door or the API."""
        return f"http://{self.compose('port', 'front', FRONT[service]).strip()}"

    def logs(self, service: str) -> str:
        """All that a service's containers have logged."""
        return "".join(self.docker("logs", one, check=False) for one in self.containers(service))


def until(true: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Waits for something outside of this process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
