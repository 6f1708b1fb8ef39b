"""Debian packages without root and without touching the system.

apt works on private lists and a private cache; of the host it keeps the mirror, proxies and certificates.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

from deploy.local.command import output_of
from deploy.local.errors import UnavailableError
from deploy.local.home import open_folder

RELEASE = "trixie"  # Debian 13: the first with TimescaleDB for PostgreSQL 17

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# "lib" packages that the wanted servers never load: just-in-time compiling (off), perl, translations.
UNUSED_LIBRARIES = re.compile(r"libllvm|libz3|lib.*perl|libc-(bin|l10n)|libpam|libsemanage|libdb5")

# #clear: the host's hooks (docker-clean's rm, desktop notifications) are not meant for our lists.
CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{folder}";
Dir::Cache::pkgcache "packages.bin";
Dir::Cache::srcpkgcache "";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
"""


def unpack(packages: Sequence[str], tree: Path, folder: Path) -> None:
    """Put `packages` and the libraries they load below `tree`.

    1. Read the lists of RELEASE from the host's mirror.
    2. Ask apt what the packages depend on; of that keep libraries.
    3. Download. What an interrupted run left complete is not downloaded again.
    4. Unpack, and drop the downloads.
    """
    _refresh_lists(folder)
    downloads = folder / "downloads" / tree.name
    open_folder(downloads)
    wanted = _with_libraries(packages, folder)
    archives = [downloads / name for name in _archive_names(wanted, folder)]
    output_of(_apt_get(folder, "download", *wanted), cwd=downloads)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda archive: output_of(["dpkg-deb", "-x", archive, tree]), archives))
    rmtree(downloads)


def _refresh_lists(folder: Path) -> None:
    for part in ("lists/partial", "archives/partial"):
        open_folder(folder / part)
    (folder / "apt.conf").write_text(CONFIGURATION.format(folder=folder))
    failure = UnavailableError("the host's apt names no Debian mirror.")
    for mirror in _mirrors():
        (folder / "sources.list").write_text(_source(mirror))
        try:
            output_of(_apt_get(folder, "update"))
        except UnavailableError as error:
            failure = error
        else:
            return
    raise failure


def _mirrors() -> list[str]:
    """Archives the host reads its own main packages from; security and backports (a dash) have other paths."""
    # Without --no-release-info apt tells nothing before the first "apt-get update" of a fresh container.
    targets = ["apt-get", "indextargets", "--no-release-info", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]
    fields = [line.split(maxsplit=2) for line in output_of(targets).splitlines()]
    found = {field[2] for field in fields if len(field) == 3 and field[1] == "main" and "-" not in field[0]}
    return sorted(found, key=lambda uri: ("debian" not in uri, uri))


def _source(mirror: str) -> str:
    architecture = output_of(["dpkg", "--print-architecture"]).strip()
    signed = f" signed-by={KEYRING}" if KEYRING.exists() else ""
    return f"deb [arch={architecture}{signed}] {mirror} {RELEASE} main\n"


def _with_libraries(packages: Sequence[str], folder: Path) -> list[str]:
    plan = output_of(_apt_get(folder, "install", "--simulate", *packages))
    closure = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    libraries = [p for p in closure if p.startswith(("lib", "zlib")) and not UNUSED_LIBRARIES.match(p)]
    return sorted({*packages, *libraries})


def _archive_names(packages: Sequence[str], folder: Path) -> list[str]:
    plan = output_of(_apt_get(folder, "download", "--print-uris", *packages))
    return re.findall(r"^'\S+' (\S+)", plan, re.MULTILINE)


def _apt_get(folder: Path, *arguments: str) -> list[str]:
    return ["apt-get", f"--config-file={folder / 'apt.conf'}", "--quiet=2", *arguments]
