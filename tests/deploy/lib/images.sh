# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The images: the base, PostgreSQL and HAProxy by their official names, pulled where they can be, else made
# from Debian 13 and labelled as stand-ins; and dppr, built once for the same sources.
#
#   image_base RELEASE   sets base, e.g. debian:trixie-slim
#   image_postgres       exports POSTGRES_IMAGE (postgres:17)
#   image_pgbouncer      exports PGBOUNCER_IMAGE
#   image_haproxy        exports HAPROXY_IMAGE (haproxy:3.0)
#   image_prometheus     exports PROMETHEUS_IMAGE (prom/prometheus:v3.5.0)
#   image_dppr           exports DPPR_IMAGE; DPPR_TEST_IMAGE names one to take as it is,
#                        DPPR_TEST_RELEASE=bookworm builds on the Debian before

standin_label=org.dppr.stand-in

image_is_here() { docker image inspect "$1" >/dev/null 2>&1; }
image_say() { ok "$1, $(docker image inspect -f '{{.Size}}' "$1" | awk '{ printf "%d MB", $1 / 1e6 }')${2:-}"; }
image_is_standin() { [ "$(docker image inspect -f "{{index .Config.Labels \"$standin_label\"}}" "$1")" = yes ]; }
image_pull() { timeout 300 docker pull -q "$1" >"$work/pull.log" 2>&1; }

# Builds share the host's network, so that they reach the mirror as the host does.
image_build() { # IMAGE DOCKERFILE CONTEXT ARGUMENT...
    local image=$1 dockerfile=$2 context=$3
    shift 3
    quietly build docker build --network host -f "$dockerfile" -t "$image" "$@" "$context" || fail "building $image"
}

# The mirror that the host's apt uses.
debian_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | head -n 1
}

# Debian as its official slim image is: without documentation and translations, apt without caches. The host's
# settings of apt come along (proxies, time limits).
image_debootstrap() { # IMAGE RELEASE
    local mirror tree=$work/base
    [ "$(id -u)" = 0 ] || fail "$1 cannot be pulled, and only root can make it by debootstrap"
    tools/install-packages deploy
    mirror=$(debian_mirror)
    if [ -z "$mirror" ]; then
        quietly apt apt-get update -q
        mirror=$(debian_mirror)
    fi
    [ -n "$mirror" ] || fail "apt knows no Debian mirror"
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    http_proxy=${http_proxy:-} quietly debootstrap debootstrap --variant=minbase "$2" "$tree" "$mirror" || fail "debootstrap"
    apt-config dump Acquire >"$tree/etc/apt/apt.conf.d/90host"
    cat >"$tree/etc/apt/apt.conf.d/docker" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Acquire::Languages "none";
END
    cat >"$tree/etc/dpkg/dpkg.cfg.d/docker" <<'END'
force-unsafe-io
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
    find "$tree/usr/share/doc" -type f ! -name copyright -delete
    rm -rf --one-file-system "$tree"/usr/share/{info,locale,man}/* "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/*
    tar -C "$tree" -c . | docker import -c "LABEL $standin_label=yes" -c 'CMD ["bash"]' - "$1" >/dev/null
    rm -rf --one-file-system "$tree"
}

image_base() { # RELEASE
    base=debian:$1-slim
    image_is_here "$base" || image_pull "$base" || image_debootstrap "$base" "$1"
}

# Made again when its files are others than those it was made of.
image_standin() { # IMAGE NAME
    local made_of
    made_of=$(cat "tests/deploy/standin/$2"?* | sha256sum | cut -c 1-16)
    if image_is_standin "$1" 2>/dev/null; then
        [ "$(docker image inspect -f "{{index .Config.Labels \"$standin_label.made-of\"}}" "$1")" != "$made_of" ]
    else
        ! image_is_here "$1" && ! image_pull "$1"
    fi && {
        image_base trixie
        image_build "$1" "tests/deploy/standin/$2.Dockerfile" tests/deploy/standin --build-arg BASE="$base" \
            --label "$standin_label=yes" --label "$standin_label.made-of=$made_of"
    }
    if image_is_standin "$1"; then image_say "$1" ", a stand-in"; else image_say "$1"; fi
}
image_postgres() {
    export POSTGRES_IMAGE=${POSTGRES_IMAGE:-postgres:17}
    image_standin "$POSTGRES_IMAGE" postgres
}
image_pgbouncer() { # docker/pgbouncer.Dockerfile
    image_base trixie
    export PGBOUNCER_IMAGE=dppr-test/pgbouncer
    image_build "$PGBOUNCER_IMAGE" docker/pgbouncer.Dockerfile docker --build-arg BASE="$base"
    image_say "$PGBOUNCER_IMAGE"
}
image_haproxy() {
    export HAPROXY_IMAGE=${HAPROXY_IMAGE:-haproxy:3.0}
    image_standin "$HAPROXY_IMAGE" haproxy
}
image_compose() {
    image_is_here dppr-test/compose:v2 || {
        image_base trixie
        image_build dppr-test/compose:v2 tests/deploy/standin/compose.Dockerfile tests/deploy/standin --build-arg BASE="$base"
    }
}

image_prometheus() {
    export PROMETHEUS_IMAGE=${PROMETHEUS_IMAGE:-prom/prometheus:v3.5.0}
    image_standin "$PROMETHEUS_IMAGE" prometheus
}

# What goes into the image, as .dockerignore says, and the base. Names and contents; not times.
image_sources_hash() {
    {
        docker image inspect -f '{{.Id}}' "$base"
        sed -n 's/^!//p' .dockerignore | LC_ALL=C sort | xargs -I{} find {} docker/Dockerfile -type f | LC_ALL=C sort -u | xargs sha256sum
    } | sha256sum | cut -c 1-16
}
# Its name only: for who has compose build it, of the same base.
image_name_dppr() {
    DPPR_IMAGE=${DPPR_TEST_IMAGE:-}
    if [ -z "$DPPR_IMAGE" ]; then
        image_base "${DPPR_TEST_RELEASE:-trixie}"
        DPPR_BASE=$base
        DPPR_REVISION=$(git describe --always --dirty)
        DPPR_IMAGE=dppr-test/dppr:${DPPR_TEST_RELEASE:-trixie}-$(image_sources_hash)
    fi
    export DPPR_IMAGE DPPR_BASE DPPR_REVISION
}
image_dppr() {
    image_name_dppr
    image_is_here "$DPPR_IMAGE" ||
        image_build "$DPPR_IMAGE" docker/Dockerfile . --build-arg BASE="$DPPR_BASE" --build-arg REVISION="$DPPR_REVISION"
    image_say "$DPPR_IMAGE"
}
