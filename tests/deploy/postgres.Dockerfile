# SPDX-License-Identifier: Apache-2.0
#
# PostgreSQL as the base's release packages it, with the interface of the official image.
ARG BASE
FROM ${BASE}
RUN apt-get update -q \
    && mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql postgresql-contrib
COPY postgres-entrypoint /
ENV PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["/postgres-entrypoint"]
CMD ["postgres"]
