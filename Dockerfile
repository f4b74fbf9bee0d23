# The command `garrison` in a container:
#
#   docker build --tag garrison .
#   docker run --rm --volume "$PWD/runs:/data/runs" garrison train quick
#
# For an NVIDIA GPU, with CUDA's libraries from JAX's packages:
#
#   docker build --build-arg JAX_EXTRA=cuda12 --tag garrison:cuda12 .
#   docker run --rm --gpus all --volume "$PWD/runs:/data/runs" garrison:cuda12 info
#
# docs/install.md says what of this was tested.

ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG JAX_EXTRA=
WORKDIR /build
COPY . .
ENV PIP_CACHE_DIR=/var/cache/pip
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv /opt/garrison \
    && /opt/garrison/bin/pip install --constraint constraints.txt '.[train]' ${JAX_EXTRA:+"jax[$JAX_EXTRA]"}

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/garrison /opt/garrison
# The cache of compiled programs is open to every user, so that `docker run --user` works too.
RUN useradd --uid 1000 garrison \
    && install --directory --owner garrison /data /data/runs \
    && install --directory --mode 1777 /var/cache/garrison
ENV PATH=/opt/garrison/bin:$PATH \
    XDG_CACHE_HOME=/var/cache/garrison \
    MPLCONFIGDIR=/var/cache/garrison/matplotlib
USER 1000
WORKDIR /data
ENTRYPOINT ["garrison"]
CMD ["--help"]
