# SPDX-License-Identifier: Apache-2.0
#
# What ./run-tests needs, as an image: another Debian than the host's. The source is not in it, but brought when
# it runs; tests/deploy/cases/suite does so.
ARG BASE=debian:trixie-slim
FROM ${BASE}
WORKDIR /src
COPY packages.list ./
COPY tools/install-packages tools/
RUN tools/install-packages build run test && rm -rf /var/lib/apt/lists/*
