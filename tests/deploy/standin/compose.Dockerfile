# SPDX-License-Identifier: Apache-2.0
#
# docker compose (v2) as Debian 13 packages it, for a host that has only docker-compose 1.29.
ARG BASE
FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends docker-cli docker-compose \
    && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["docker", "compose"]
