# The controller of a farm in a container: docs/container.md has the commands, compose.yaml adds PostgreSQL and farm web.
#   docker build --tag edge-farm:local .
# BASE is any image of a Debian with Python 3.11 to 3.13 and its venv module.
ARG BASE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY orchestrator orchestrator
COPY agent agent
COPY edge_farm edge_farm
COPY migrations migrations
# PIP_CONSTRAINT holds for what builds the wheel, too. A mirror: --secret id=pip,src=$HOME/.config/pip/pip.conf
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/farm \
    && PIP_CONSTRAINT=/source/constraints.txt /opt/farm/bin/pip install --no-cache-dir --disable-pip-version-check '.[report,web]' \
    && /opt/farm/bin/pip check

FROM ${BASE}
ARG UID=1000
ARG GID=1000
# ssh reads ~/.ssh/config for farm, and ssh-keygen makes keys; the versions are those of the base image's Debian.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid ${GID} farm \
    && useradd --uid ${UID} --gid ${GID} --create-home --shell /usr/sbin/nologin farm \
    && install --directory --owner=farm --group=farm --mode=0700 /project /home/farm/.ssh
COPY --from=build /opt/farm /opt/farm
ENV PATH=/opt/farm/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER ${UID}:${GID}
# inventory.yaml, farm.db, artifacts and known host keys
WORKDIR /project
VOLUME /project
ENTRYPOINT ["farm"]
CMD ["--help"]
