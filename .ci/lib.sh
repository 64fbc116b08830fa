# Helpers shared by the scripts in this folder; sourced, never run.
# Written for bash 3.2, which is what macOS ships.

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf '\nlinli: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command so that a signal reaches it at once: bash defers traps while a
# foreground child runs, and a plain `kill` of a script would wait for a whole test run.
child=
run() {
    "$@" <&0 &
    child=$!
    local status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

interrupted() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    exit 130
}

# Calls `$1` however the script ends.
finally() {
    trap "$1" EXIT
    trap interrupted INT TERM HUP
}

# A loopback port nobody listens on, below the ephemeral range so that no
# outgoing connection takes it meanwhile.
free_port() {
    local port
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    die "found no free loopback port in 20 attempts"
}

# install <what> <apt packages> <brew packages>
install() {
    local what=$1 apt=$2 brew=$3
    local sudo=
    if have apt-get; then
        if [ "$(id -u)" != 0 ]; then
            have sudo || die "$what is missing and this user cannot install it; run: apt-get install $apt"
            sudo="sudo -n"
        fi
        say "$what is missing: installing $apt with apt-get"
        # The package lists of a fresh machine are empty or old; an update is only worth its time when needed.
        # shellcheck disable=SC2086  # Both are lists of words.
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $apt >/dev/null 2>&1 ||
            { $sudo apt-get update -q >&2 &&
                DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $apt >&2; } ||
            die "apt-get could not install $apt; install $what by hand and try again"
    elif have brew; then
        say "$what is missing: installing $brew with brew"
        # shellcheck disable=SC2086
        brew install $brew >&2 || die "brew could not install $brew; install $what by hand and try again"
    else
        die "$what is missing and neither apt-get nor brew is here; install $what and try again"
    fi
}

# The folder with initdb, pg_ctl and postgres, newest version first; empty if there is none.
# Debian keeps them off PATH, Homebrew keeps versioned formulas out of its prefix.
postgres_bin() {
    local candidate best="" version best_version=0
    for candidate in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin {/opt/homebrew,/usr/local}/opt/postgresql*/bin \
        "$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v initdb || true)")"; do
        [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ] || continue
        version=$("$candidate/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "$version" -gt "$best_version" ]; then best=$candidate best_version=$version; fi
    done
    echo "$best"
}

ensure_redis() {
    have redis-server && have redis-cli || install "Redis" "redis-server" "redis"
    have redis-server || die "redis-server is still not on PATH after installing it"
}

ensure_postgres() {
    [ -n "$(postgres_bin)" ] || install "PostgreSQL" "postgresql" "postgresql@17"
    local bin version
    bin=$(postgres_bin)
    [ -n "$bin" ] || die "PostgreSQL was installed, but its initdb cannot be found"
    version=$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ "$version" -ge 15 ] || die "PostgreSQL $version in $bin is too old; Linli needs 15 or newer"
}

ensure_rust() {
    have cargo || die "Rust is missing; install it with rustup, then try again (Cargo.toml names the version needed)"
    # SQLite and the cryptography are C libraries that cargo compiles.
    have cc || install "a C compiler" "build-essential" "gcc"
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        say "cargo $component is missing: adding it with rustup"
        rustup component add "${component/fmt/rustfmt}" >&2 || die "rustup could not add $component"
    done
}
