# SPDX-License-Identifier: Apache-2.0
#
# PgBouncer as Debian packages it, with psql to ask which node is the primary, for deploy/compose.pgbouncer.yaml:
#
#   docker build -f docker/pgbouncer.Dockerfile -t dppr-pgbouncer docker
ARG BASE=debian:trixie-slim
FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends pgbouncer postgresql-client \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.title="PgBouncer for dppr"
USER 10001:10001
EXPOSE 6432
CMD ["bash", "/opt/dppr/pgbouncer"]
