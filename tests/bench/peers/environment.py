"""What the peers need, made under build/ when it is missing: an environment of requirements/peers.txt, and jars."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from local.stack.errors import StackError
from local.stack.paths import REPOSITORY
from tests.bench.trees import BUILD, done

REQUIREMENTS = REPOSITORY / "requirements" / "peers.txt"
POM = Path(__file__).with_name("pom.xml")
PEERS = BUILD / "peers"


def _marked(name: str, source: Path) -> Path:
    """A folder for what comes of a file, another one when the file changes."""
    return PEERS / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"


async def python(say: Callable[[str], None]) -> Path:
    """That of the peers' environment."""
    folder = _marked("venv", REQUIREMENTS)
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        say("making the peers' environment (half a minute, once)")
        shutil.rmtree(folder, ignore_errors=True)
        log = PEERS / "environment.log"
        await done("python -m venv", [sys.executable, "-m", "venv", str(folder)], log)
        words = ["--quiet", "--no-compile", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
        await done("pip", [str(found), "-m", "pip", "install", *words], log)
        (folder / "ready").touch()
    return found


async def jars(say: Callable[[str], None]) -> Path:
    """The folder with the jars of pom.xml. Raises StackError where there is no Java development kit or no Maven."""
    for tool in ("javac", "mvn"):
        if shutil.which(tool) is None:
            raise StackError(f"the Kafka Streams peer needs {tool}, and it is not on the PATH")
    folder = _marked("jars", POM)
    if not (folder / "ready").exists():
        say("fetching the jars of Kafka Streams with Maven (once)")
        words = ["--batch-mode", "--no-transfer-progress", f"--file={POM}", "dependency:copy-dependencies"]
        await done("Maven", ["mvn", *words, f"-DoutputDirectory={folder}"], PEERS / "maven.log")
        (folder / "ready").touch()
    return folder
