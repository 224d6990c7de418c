# One image for each service: docker build --build-arg SERVICE=orchestrator -t hil-agent-system/orchestrator:0.1.0 .
# SERVICE is the name of a folder under services/.
FROM python:3.11-slim-bookworm AS build
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/app/.venv
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN pip install --no-cache-dir "uv==${UV_VERSION}"

# The dependencies layer: rebuilt only when the lock file or a list of dependencies changes.
WORKDIR /src
COPY pyproject.toml uv.lock ./
COPY contracts/pyproject.toml contracts/
COPY libs/cost-gate/pyproject.toml libs/cost-gate/
COPY libs/cost-ledger/pyproject.toml libs/cost-ledger/
COPY libs/http-gate/pyproject.toml libs/http-gate/
COPY libs/json-schema/pyproject.toml libs/json-schema/
COPY libs/pii/pyproject.toml libs/pii/
COPY libs/document-store/pyproject.toml libs/document-store/
COPY libs/service-kit/pyproject.toml libs/service-kit/
COPY services/analytics/pyproject.toml services/analytics/
COPY services/hil-inbox/pyproject.toml services/hil-inbox/
COPY services/llm-gateway/pyproject.toml services/llm-gateway/
COPY services/orchestrator/pyproject.toml services/orchestrator/
COPY services/tool-runner/pyproject.toml services/tool-runner/
COPY cli/pyproject.toml cli/
ARG SERVICE
WORKDIR /src/services/${SERVICE}
RUN uv sync --frozen --no-dev --no-install-workspace

# The code layer: the service and the packages of this repository that it uses, installed as wheels.
COPY contracts/src /src/contracts/src
COPY libs /src/libs
COPY services/${SERVICE}/src src
RUN uv sync --frozen --no-dev --no-editable \
    && module="$(echo "${SERVICE}" | tr - _)" \
    && printf '#!/bin/sh\nexec /app/.venv/bin/python -m %s\n' "${module}" > /app/start \
    && chmod 0555 /app/start

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /tmp --shell /usr/sbin/nologin hil
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
EXPOSE 8080
# exec in /app/start makes the service process 1: it receives SIGTERM itself and shuts down cleanly.
ENTRYPOINT ["/app/start"]
