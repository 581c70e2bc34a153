# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the deployment tests share; tests/deploy/README.md describes it. A case begins so:
#
#   source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
#   deploy_begin deploy/compose.yaml
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
for part in report engine images compose; do
    # shellcheck source=/dev/null
    source "$root/tests/deploy/lib/$part.sh"
done
unset part

# deploy_begin COMPOSE-FILE...: engine, images, and a compose project of these files that goes away at the end.
deploy_begin() {
    step "engine"
    engine_start
    step "images"
    image_postgres
    image_haproxy
    image_dppr
    compose_begin "$@"
}
