"""What is in the program that tools/release has linked, as SPDX 2.3 in JSON.

    sbom.py BUILD-FOLDER PROGRAM VERSION LICENCES OUTPUT

From the linker's map (libraries) and the compiler's dependencies (headers), by the packages that dpkg says
they are of. LICENCES becomes a folder with the licences of all of them, as Debian has them.
"""

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TARGET = "src/cli/withdrawd-static"
# By source package, read in their copyright files; what is not here says that nobody has looked.
LICENCES = {
    r"boost[\d.]+": "BSL-1.0",
    r"cli11": "BSD-3-Clause",
    r"fmtlib": "MIT",
    r"gcc-\d+": "GPL-3.0-or-later WITH GCC-exception-3.1",
    r"glibc": "LGPL-2.1-or-later",
    r"ldns": "BSD-3-Clause",
    r"linux": "GPL-2.0-only WITH Linux-syscall-note",
    r"openssl": "Apache-2.0",
    r"tomlplusplus": "MIT",
}


def linked(build):
    """The archives that members were taken from, and the objects of the C library and the compiler."""
    text = (build / f"{TARGET}.map").read_text(errors="replace")
    found = re.findall(r"^(/\S+\.a)\(", text, re.M) + re.findall(r"^LOAD (/\S+\.o)$", text, re.M)
    return {os.path.normpath(path) for path in found}


def included(build):
    """The headers outside of this project."""
    deps = subprocess.run(
        ["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True
    ).stdout
    found, ours = set(), False
    for line in deps.splitlines():
        if not line.startswith(" "):
            ours = line.startswith("src/")
        elif ours:
            found.add(os.path.normpath(build.absolute() / line.strip()))
    return {path for path in found if path.startswith("/usr/")}


def owners(paths):
    """By path, the package that it is of."""
    done = subprocess.run(
        ["dpkg-query", "-S", *sorted(paths)], capture_output=True, text=True, check=False
    )
    found = {}
    for line in done.stdout.splitlines():
        package, path = line.split(": ", 1)
        found[path] = package.split(", ")[0]
    if missing := sorted(paths - found.keys()):
        sys.exit(f"sbom.py: of no package: {', '.join(missing[:5])}")
    return found


def sources(packages):
    """By binary package: its source, that one's version, its own version."""
    form = "${binary:Package} ${Package} ${source:Package} ${source:Version} ${Version}\n"
    text = subprocess.run(
        ["dpkg-query", "-W", "-f", form, *sorted(packages)], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in text.splitlines():
        full, brief, *rest = line.split()
        found[full] = found[brief] = tuple(rest)
    return found


def licence_of(source):
    known = [name for pattern, name in LICENCES.items() if re.fullmatch(pattern, source)]
    return known[0] if known else "NOASSERTION"


def main():
    build, program = Path(sys.argv[1]), Path(sys.argv[2])
    version, licences, output = sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5])
    libraries = linked(build)
    files = owners(libraries | included(build))
    of_package = sources(set(files.values()))
    parts = {}  # by source package: its version, and what of it is in here
    for path, package in files.items():
        source, source_version, package_version = of_package[package]
        part = parts.setdefault(source, {"version": source_version, "libraries": {}, "headers": {}})
        kind = "libraries" if path in libraries else "headers"
        part[kind].setdefault((package.split(":")[0], package_version), []).append(Path(path).name)

    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    distribution = release.get("ID", "debian").strip('"')
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    packages = [{
        "SPDXID": "SPDXRef-withdrawd", "name": "withdrawd", "versionInfo": version,
        "primaryPackagePurpose": "APPLICATION", "packageFileName": f"./{program}",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "ISC",
        "licenseDeclared": "ISC", "copyrightText": "2026 The withdrawd authors",
    }]
    relations = [{
        "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-withdrawd",
    }]
    licences.mkdir()
    for source, part in sorted(parts.items()):
        said = []
        for kind in ("libraries", "headers"):
            for (package, its), names in sorted(part[kind].items()):
                what = ", ".join(sorted(names)) if kind == "libraries" else "headers"
                said.append(f"{what} of {package} {its}")
        package = min({*part["libraries"], *part["headers"]})[0]
        shutil.copyfile(f"/usr/share/doc/{package}/copyright", licences / source)
        packages.append({
            "SPDXID": f"SPDXRef-{source}", "name": source, "versionInfo": part["version"],
            "primaryPackagePurpose": "LIBRARY", "sourceInfo": "; ".join(said),
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": f"pkg:deb/{distribution}/{source}@{part['version']}?arch=source",
            }],
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": licence_of(source),
            "copyrightText": "NOASSERTION",
        })
        relations.append({
            "spdxElementId": "SPDXRef-withdrawd", "relatedSpdxElement": f"SPDXRef-{source}",
            "relationshipType": "STATIC_LINK" if part["libraries"] else "CONTAINS",
        })
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"withdrawd-{version}",
        "documentNamespace": f"https://withdrawd.example/spdx/withdrawd-{version}-{digest}",
        "creationInfo": {
            "created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: withdrawd-tools/sbom.py"],
        },
        "packages": packages, "relationships": relations,
    }
    output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
