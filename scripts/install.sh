#!/usr/bin/env bash
# Installs what a fresh Debian or Ubuntu machine lacks, and says nothing when nothing is missing.
#
#   scripts/install.sh            what building needs
#   scripts/install.sh test       also what the tests need
#   scripts/install.sh browser    what looking at the pages in a headless browser needs
set -euo pipefail

readonly RUST_MIN="1.94"
readonly CARGO_DENY_VERSION="0.20.2"
readonly POSTGRES_MIN=15
readonly TUSPY_VERSION="1.1.0"
readonly AUTHLIB_VERSION="1.9.9"
readonly JOSERFC_VERSION="1.8.0"
readonly SCHEMATHESIS_VERSION="4.32.5"
readonly OIDC_PROVIDER_VERSION="9.13.3"

die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# Package, and the command or file that proves it is there.
have() {
  case "$1" in
    gcc) command -v cc >/dev/null 2>&1 ;;
    pkg-config) command -v pkg-config >/dev/null 2>&1 ;;
    libssl-dev) pkg-config --exists openssl 2>/dev/null ;;
    python3) command -v python3 >/dev/null 2>&1 ;;
    chromium) command -v chromium >/dev/null 2>&1 ;;
    chromium-driver) command -v chromedriver >/dev/null 2>&1 ;;
    haproxy) [ -x /usr/sbin/haproxy ] ;;
    nginx-light) [ -x /usr/sbin/nginx ] ;;
    *) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
  esac
}

# Runs a command as root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

install_packages() {
  command -v apt-get >/dev/null 2>&1 ||
    die "Missing: $*. This machine has no apt-get: please install them with its own package manager."
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
    die "Missing: $*. Please install them as root: apt-get install $*"
  printf 'installing %s\n' "$*"
  local log
  log=$(mktemp)
  if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install $*; its last lines are above."
  fi
  rm -f "$log"
}

need() {
  local missing=() package
  for package in "$@"; do
    have "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

have_postgres() {
  local initdb version
  for initdb in /usr/lib/postgresql/*/bin/initdb; do
    version=${initdb#/usr/lib/postgresql/}
    [ -x "$initdb" ] && [ "${version%%/*}" -ge "$POSTGRES_MIN" ] && return 0
  done
  return 1
}

readonly CLUSTER_CONF=/etc/postgresql-common/createcluster.conf
# Copy of the above while it is changed; empty: it is as it was.
cluster_kept=""

restore_cluster_conf() {
  [ -n "$cluster_kept" ] || return 0
  as_root cp "$cluster_kept" "$CLUSTER_CONF"
  rm -f "$cluster_kept"
  cluster_kept=""
}

# What packages ask before they start a service (101: don't).
readonly SERVICE_POLICY=/usr/sbin/policy-rc.d
# Not empty: it is ours, and goes again.
policy_made=""

restore_service_policy() {
  [ -n "$policy_made" ] || return 0
  as_root rm -f "$SERVICE_POLICY"
  policy_made=""
}

# As the machine was, also where the script is stopped. A signal ends it by way of EXIT.
restore_at_end() {
  trap 'restore_cluster_conf; restore_service_policy' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# The programs only: the tests start servers of their own. The package would make and start a service of the machine, so
# its switch for that is off while it is installed, and then as it was, also where the script is stopped.
need_postgres() {
  have_postgres && return 0
  local copy package=postgresql
  need postgresql-common
  copy=$(mktemp)
  cp "$CLUSTER_CONF" "$copy"
  cluster_kept=$copy
  restore_at_end
  printf 'create_main_cluster = false\n' | as_root tee -a "$CLUSTER_CONF" >/dev/null
  apt-cache show "postgresql-$POSTGRES_MIN" >/dev/null 2>&1 && package="postgresql-$POSTGRES_MIN"
  local installed=0
  (install_packages "$package") || installed=$?
  restore_cluster_conf
  [ $installed -eq 0 ] && have_postgres || die "PostgreSQL $POSTGRES_MIN or newer is needed for the tests."
}

# The programs only, as above: the tests start balancers of their own, and the machine gets no service that listens.
need_balancers() {
  local missing=() package
  for package in haproxy nginx-light; do
    have "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  restore_at_end
  if [ ! -e "$SERVICE_POLICY" ]; then
    policy_made=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$SERVICE_POLICY" >/dev/null
    as_root chmod 755 "$SERVICE_POLICY"
  fi
  install_packages "${missing[@]}"
  for package in "${missing[@]}"; do
    # Nor at the machine's next start.
    as_root update-rc.d "${package%-light}" disable >/dev/null 2>&1 || true
  done
  restore_service_policy
}

# The tests' own server for limits: any Redis or Valkey. Debian's redis-tools has the program and starts no service.
need_limit_server() {
  local program
  for program in valkey-server redis-server redis-check-rdb valkey-check-rdb; do
    command -v "$program" >/dev/null 2>&1 && return 0
  done
  need redis-tools
}

need_rust() {
  if ! command -v cargo >/dev/null 2>&1 && [ -r "$HOME/.cargo/env" ]; then
    die "Rust is installed but not on the PATH of this shell. Run:  . \"\$HOME/.cargo/env\""
  fi
  command -v cargo >/dev/null 2>&1 || die "Rust $RUST_MIN or newer is needed and not installed. Install it with
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile default
then open a new shell and run the same command again."
  local version
  version=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$RUST_MIN" "$version" | sort -V | head -n 1)" != "$RUST_MIN" ]; then
    die "Rust $RUST_MIN or newer is needed; this is $version. Run:  rustup update stable"
  fi
}

# Into `.tools` of this clone, where the Makefile looks too. A debug build of it takes about a minute and runs for a second.
need_cargo_deny() {
  command -v cargo-deny >/dev/null 2>&1 || [ -x .tools/bin/cargo-deny ] && return 0
  printf 'installing cargo-deny %s into .tools (checks licences and sources; about a minute, once)\n' "$CARGO_DENY_VERSION"
  cargo install --quiet --locked --debug --no-default-features --config 'profile.dev.debug=false' \
    --root .tools --version "$CARGO_DENY_VERSION" cargo-deny
}

# Published clients that the tests talk to the gateway with: uploads in pieces, and access tokens; into `.tools` of this clone.
need_clients() {
  .tools/clients/bin/python -c 'import tusclient, authlib, joserfc' >/dev/null 2>&1 && return 0
  printf 'installing tuspy %s and Authlib %s into .tools (clients for the tests; some seconds, once)\n' "$TUSPY_VERSION" "$AUTHLIB_VERSION"
  python3 -m venv .tools/clients >/dev/null 2>&1 || { need python3-venv && python3 -m venv .tools/clients; }
  .tools/clients/bin/python -m pip install --quiet --disable-pip-version-check \
    "tuspy==$TUSPY_VERSION" "Authlib==$AUTHLIB_VERSION" "joserfc==$JOSERFC_VERSION" requests
}

# Asks the running server whatever its document allows and forbids; apart from the clients, because it brings much with it.
need_schemathesis() {
  .tools/schemathesis/bin/python -c 'import schemathesis' >/dev/null 2>&1 && return 0
  printf 'installing schemathesis %s into .tools (tests the API against its document; some seconds, once)\n' "$SCHEMATHESIS_VERSION"
  python3 -m venv .tools/schemathesis >/dev/null 2>&1 || { need python3-venv && python3 -m venv .tools/schemathesis; }
  .tools/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"
}

# A published provider of identities that people of the tests sign in at; beside the clients. It has 40 packages, 4 MB.
need_provider() {
  [ -d .tools/clients/node_modules/oidc-provider ] && return 0
  command -v npm >/dev/null 2>&1 || need nodejs npm
  printf 'installing oidc-provider %s into .tools (single sign-on in the tests; some seconds, once)\n' "$OIDC_PROVIDER_VERSION"
  npm install --prefix .tools/clients --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "oidc-provider@$OIDC_PROVIDER_VERSION" >/dev/null
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
need gcc pkg-config libssl-dev
need_rust
case "${1:-build}" in
  build) ;;
  test)
    need python3
    need_postgres
    need_balancers
    need_limit_server
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
      rustup component add rustfmt clippy ||
      die "rustfmt and clippy are needed for the checks: install them beside Rust."
    need_cargo_deny
    need_clients
    need_schemathesis
    need_provider
    ;;
  browser) need chromium chromium-driver fonts-thai-tlwg fonts-noto-core ;;
  *) die "usage: scripts/install.sh [build|test|browser]" ;;
esac
