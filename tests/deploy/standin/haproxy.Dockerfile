# SPDX-License-Identifier: Apache-2.0
#
# HAProxy as the base's release packages it, with the interface of the official image: its user, its folder,
# its entrypoint, its signal.
ARG BASE
FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/* \
    && groupmod --gid 99 haproxy && usermod --uid 99 haproxy \
    && mkdir -p /usr/local/etc/haproxy && chown -R haproxy:haproxy /var/lib/haproxy
COPY haproxy-entrypoint /usr/local/bin/docker-entrypoint.sh
STOPSIGNAL SIGUSR1
USER haproxy
WORKDIR /var/lib/haproxy
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
